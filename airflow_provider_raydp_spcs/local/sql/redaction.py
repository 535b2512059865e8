"""Statements as they may be told again: without the passwords and secrets in them."""

from __future__ import annotations

import re
from typing import Final

_SECRET: Final = re.compile(
    r"""(?ix)
    \b (PASSWORD | SECRET_STRING | OAUTH_REFRESH_TOKEN | [A-Z_]*(?:SECRET|TOKEN|KEY)) (\s* = \s*)
    (?: '(?:[^'\\]|\\.|'')*'? | "(?:[^"])*"? | \$\$.*?(?:\$\$|\Z) )
    """,
    re.DOTALL,
)


def redacted(text: str) -> str:
    """The text with stars for each value of a property whose name says that it is secret."""
    return _SECRET.sub(r"\1\2'********'", text)
