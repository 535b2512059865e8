"""Semi-structured values that are compared with texts: Snowflake casts them then, DuckDB would compare JSON (SPCS reference 9)."""

from __future__ import annotations

from typing import Any, Final

from sqlglot import exp

_COMPARED: Final = (exp.EQ, exp.NEQ, exp.Like, exp.ILike, exp.In)
_OF_TEXTS: Final = (exp.Upper, exp.Lower)


def variants_as_texts(statement: Any) -> None:
    """Cast, in place, each ``column:path`` and ``column['key']`` that stands beside a text or in a function of texts."""
    if not isinstance(statement, exp.Expr):
        return
    for node in list(statement.find_all(*_COMPARED, *_OF_TEXTS)):
        sides = [node.this, node.args.get("expression"), *node.args.get("expressions", ())]
        is_text = isinstance(node, _OF_TEXTS) or any(
            isinstance(side, (exp.Upper, exp.Lower)) or (isinstance(side, exp.Literal) and side.is_string)
            for side in sides
        )
        for side in sides if is_text else ():
            if _is_variant(side):
                side.replace(exp.cast(side.copy(), exp.DataType.Type.VARCHAR))


def _is_variant(side: Any) -> bool:
    if isinstance(side, exp.JSONExtract):
        return bool(side.args.get("variant_extract"))
    return isinstance(side, exp.Bracket) and any(
        isinstance(key, exp.Literal) and key.is_string for key in side.expressions
    )
