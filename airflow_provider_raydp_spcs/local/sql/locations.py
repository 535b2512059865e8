"""Bare locations, ``@stage/path`` and ``file:///path``, put in quotes before the text is cut into tokens.

Unquoted they are no SQL tokens: ``//`` and ``/*`` in them would begin a comment.
"""

from __future__ import annotations

_ENDS = frozenset(" \t\r\n;,()")


def quote_locations(text: str) -> str:
    """The text with every bare location in single quotes; what stands in quotes, ``$$`` or comments stays."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        end = _skipped(text, position)
        if end > position:
            parts.append(text[position:end])
        elif text[position] == "@" or text[position : position + 7].lower() == "file://":
            end = position
            while end < len(text) and text[end] not in _ENDS:
                end += 1
            parts.append("'" + text[position:end].replace("\\", "\\\\").replace("'", "''") + "'")
        else:
            end = position + 1
            parts.append(text[position])
        position = end
    return "".join(parts)


def _skipped(text: str, position: int) -> int:
    """Where the quoted text or comment that begins here ends; ``position`` where none begins."""
    two = text[position : position + 2]
    if two == "$$":
        return _after(text, "$$", position + 2)
    if two in ("--", "//"):
        return _after(text, "\n", position + 2)
    if two == "/*":
        return _after(text, "*/", position + 2)
    quote = text[position]
    if quote not in "'\"":
        return position
    end = position + 1
    while end < len(text) and text[end] != quote:
        end += 2 if text[end] == "\\" and quote == "'" else 1
    return min(end + 1, len(text))


def _after(text: str, mark: str, start: int) -> int:
    found = text.find(mark, start)
    return len(text) if found < 0 else found + len(mark)
