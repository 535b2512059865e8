"""Specification templates: ``{{ name }}`` and ``{{ name | default('x', true) }}``, and nothing more (SPCS reference 2.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from airflow_provider_raydp_spcs.local.errors import unrendered_template

_PLACE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_VARIABLE: Final = re.compile(
    r"""\s*(?P<name>[A-Za-z_][A-Za-z0-9_$]*)\s*
    (?P<defaults>\|\s*default\(\s*
        (?P<value>'[^']*'|"[^"]*"|-?\d+(?:\.\d+)?|true|false)\s*
        (?:,\s*(?P<blank>true|false)\s*)?
    \)\s*)?""",
    re.VERBOSE | re.IGNORECASE,
)
_ALPHANUMERIC: Final = re.compile(r"[A-Za-z0-9_]*")


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with a value for each variable.

    :param values: by variable name, in its own case.
    :raises SnowflakeFault: a variable has neither value nor default, or a place is no variable.
    """

    def fill(place: re.Match[str]) -> str:
        found = _VARIABLE.fullmatch(place[1])
        if found is None:
            raise unrendered_template(
                f"'{place[0][:80]}' is no variable; write {{{{ name }}}} or {{{{ name | default('value') }}}}"
            )
        value = values.get(found["name"])
        blank_counts = (found["blank"] or "false").lower() == "true"
        if found["defaults"] and (value is None or (blank_counts and not value)):
            return found["value"].strip("'\"")
        if value is None:
            raise unrendered_template(f"variable '{found['name']}' is undefined; give it a value with USING")
        return value

    return _PLACE.sub(fill, template)


def checked_value(name: str, text: str) -> str:
    """A value for a variable: alphanumeric, or JSON.

    :raises SnowflakeFault: it is neither.
    """
    if _ALPHANUMERIC.fullmatch(text):
        return text
    try:
        json.loads(text)
    except ValueError:
        raise unrendered_template(
            f"value '{text[:80]}' of variable '{name}' must be alphanumeric or valid JSON"
        ) from None
    return text.strip()
