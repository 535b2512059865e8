"""``TABLE(SPLIT_TO_TABLE(text, delimiter))``, with which logs become rows, in words that the engine for tables knows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokens import Token, TokenType


def open_splits(text: str, tokens: Sequence[Token]) -> str | None:
    """The text with each of them as a subquery over FLATTEN; None where there is none.

    :param tokens: of the text.
    """
    parts: list[str] = []
    position = 0
    for index, token in enumerate(tokens[:-2]):
        words = [each.text.upper() for each in tokens[index : index + 4]]
        if words != ["TABLE", "(", "SPLIT_TO_TABLE", "("] or token.start < position:
            continue
        last = _closing(tokens, index + 1)
        if last is None:
            continue
        arguments = text[tokens[index + 3].start : tokens[last - 1].end + 1]
        split = f"TABLE(FLATTEN(INPUT => SPLIT{arguments}))"
        columns = "1 AS SEQ, INDEX + 1 AS INDEX, VALUE::VARCHAR AS VALUE"
        parts += [text[position : token.start], f"(SELECT {columns} FROM {split})"]  # noqa: S608 - the client's own text
        position = tokens[last].end + 1
    return "".join([*parts, text[position:]]) if parts else None


def _closing(tokens: Sequence[Token], opening: int) -> int | None:
    depth = 0
    for index in range(opening, len(tokens)):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[index].token_type, 0)
        if depth == 0:
            return index
    return None
