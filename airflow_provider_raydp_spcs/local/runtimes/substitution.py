"""Names and paths that hold inside a container, replaced by those of this machine, where containers are processes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Not inside a word, and not a part of a path; behind the "//" of an address a name may begin.
_NAME_BEGINS: Final = r"(?<![\w.-])(?<!(?<!/)/)"


def replace_names(text: str, names: Mapping[str, str]) -> str:
    """DNS names of services replaced by addresses; only whole names, in any case."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"{_NAME_BEGINS}{re.escape(name)}(?![\w-]|\.\w)", names[name], text, flags=re.IGNORECASE)
    return text


def replace_paths(text: str, mounts: Mapping[str, Path]) -> str:
    """Mount paths replaced by folders; only whole paths and paths below them."""
    for path in sorted(mounts, key=len, reverse=True):
        clean = path.rstrip("/")
        text = re.sub(rf"(?<![\w./-]){re.escape(clean)}(?![\w.-])", lambda _, p=path: str(mounts[p]), text)  # type: ignore[misc]
    return text


def replace(text: str, names: Mapping[str, str], mounts: Mapping[str, Path]) -> str:
    """Both."""
    return replace_paths(replace_names(text, names), mounts)
