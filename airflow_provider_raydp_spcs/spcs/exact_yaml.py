"""Writing YAML that is read again as it was written, by any reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from yaml.nodes import ScalarNode

_ODD_BREAKS: Final = re.compile("[\x85\u2028\u2029\ufeff]")
"""What YAML 1.1 takes for the end of a line, or for the mark of a text's beginning; only between double quotes they can be escaped."""


def dump(whole: Mapping[str, Any]) -> str:
    """The text of plain values, in their order."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> ScalarNode:
        style = '"' if _ODD_BREAKS.search(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    written: str = yaml.dump(whole, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return written
