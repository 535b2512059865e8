"""Failures of fakesnow and DuckDB in Snowflake's words."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, statement_cancelled, syntax_error
from airflow_provider_raydp_spcs.local.tables.lengths import TOO_LONG

if TYPE_CHECKING:
    from sqlglot.errors import SqlglotError

logger = logging.getLogger(__name__)
_STATE_LENGTH: Final = 5
_COMPILE: Final = "SQL compilation error:\n"
_MISSING: Final = re.compile(r"(Table|View|Sequence|Schema) with name (\S+) does not exist")
_MISSING_FUNCTION: Final = re.compile(
    r"(?:Scalar|Table|Macro|Aggregate) Function with name (\S+) does not exist", re.IGNORECASE
)
_MISSING_COLUMN: Final = re.compile(
    r'Referenced (?:column|table) "([^"]+)" not found|does not have a column named "([^"]+)"'
)
_EXISTS: Final = re.compile(r'with name "?([^" ]+)"? already exists')
_ATTACHED: Final = re.compile(r"""Cannot attach "([^"]+)" - the database file .* is already attached""")
_UNREADABLE: Final = re.compile(r"Could not convert string ['\"](.*?)['\"] to '?(\w+)")
_STOPPED: Final = re.compile(r"Line (\d+), Col: (\d+)\.")
_AT_OR_NEAR: Final = re.compile(r'syntax error at or near "([^"]+)"')
_WORDS: Final = (
    "ALTER BEGIN CALL COMMENT COMMIT COPY CREATE DECLARE DELETE DESC DESCRIBE DROP EXECUTE EXPLAIN GET GRANT INSERT LIST LS "
    "MERGE PUT REMOVE REVOKE RM ROLLBACK SELECT SET SHOW START TRUNCATE UNDROP UNSET UPDATE USE VALUES WITH"
)
_VERBS: Final = frozenset(_WORDS.split())
"""Words with which statements begin."""
_DUCK: Final = {
    "InterruptException": (604, "57014", "SQL execution canceled"),
    "OutOfMemoryException": (300005, "XX000", "The statement needs more memory than the local Snowflake has."),
    "OutOfRangeException": (100039, "22003", ""),
    "InvalidInputException": (100132, "22023", ""),
    "ConversionException": (100038, "22018", ""),
    "BinderException": (2043, "02000", ""),
    "CatalogException": (2003, "42S02", ""),
    "ParserException": (1003, "42000", ""),
    "HTTPException": (91016, "22000", ""),
    "IOException": (91016, "22000", ""),
}


def fault_of(error: Exception, sql: str = "") -> SnowflakeFault:
    """The answer for a failure in the engine for tables; what it cannot do at all is called unsupported."""
    from snowflake.connector.errors import Error
    from sqlglot.errors import SqlglotError

    if isinstance(error, Error):
        return _of_fakesnow(error, sql)
    if isinstance(error, SqlglotError):
        return _unreadable_statement(error)
    if isinstance(error, RecursionError):
        return SnowflakeFault(2, "0A000", "Unsupported feature 'a statement that is nested so deeply'.")
    name = type(error).__name__
    text = str(error).split("\n")[0]
    if name == "ConstraintException":
        return _constraint(str(error))
    if name in _DUCK:
        number, state, wording = _DUCK[name]
        return _reworded(number, state, wording or text, sql)
    logger.warning("the engine for tables cannot run a statement", exc_info=error)
    words = " ".join(sql.split()[:4])
    return SnowflakeFault(
        2, "0A000", f"Unsupported feature '{words[:60]}' (of the local Snowflake's engine for tables)."
    )


def _unreadable_statement(error: SqlglotError) -> SnowflakeFault:
    """What sqlglot cannot read: where it stumbled, if it says so."""
    where: dict[str, Any] = next(iter(getattr(error, "errors", ())), {})
    line, position, token = where.get("line") or 1, where.get("col") or 0, where.get("highlight") or "<EOF>"
    text = f"{_COMPILE}syntax error line {line} at position {position} unexpected '{token}'."
    return SnowflakeFault(1003, "42000", text)


def _of_fakesnow(error: Exception, sql: str) -> SnowflakeFault:
    number = getattr(error, "errno", None) or 1003
    text = str(getattr(error, "raw_msg", None) or getattr(error, "msg", None) or error)
    if text.startswith("Session variable "):
        return SnowflakeFault(2211, "02000", f"{_COMPILE}{text}")
    state = str(getattr(error, "sqlstate", None) or "")
    return _reworded(max(int(number), 1), state if len(state) == _STATE_LENGTH else "42000", text, sql)


def _reworded(number: int, state: str, text: str, sql: str) -> SnowflakeFault:
    if "Division by zero" in text:
        return SnowflakeFault(100051, "22012", "Division by zero")
    if "Interrupted" in text:
        return statement_cancelled()
    if found := _MISSING_FUNCTION.search(text):
        return SnowflakeFault(2140, "42601", f"{_COMPILE}Unknown function {found[1].upper().rstrip('!')}.")
    if found := _MISSING.search(text):
        kind = "Schema" if found[1] == "Schema" else "Object"
        return SnowflakeFault(
            2003, "42S02", f"{_COMPILE}{kind} '{found[2].rstrip('!')}' does not exist or not authorized."
        )
    if found := _MISSING_COLUMN.search(text):
        return SnowflakeFault(
            904, "42000", f"{_COMPILE}error line 1 at position 0\ninvalid identifier '{found[1] or found[2]}'"
        )
    if found := _EXISTS.search(text) or _ATTACHED.search(text):
        return SnowflakeFault(2002, "42710", f"{_COMPILE}Object '{found[1].rstrip('!')}' already exists.")
    if found := _UNREADABLE.search(text):
        return unreadable(found[1], found[2])
    if number == 1003 and (wrong := _unexpected(text, sql)) is not None:
        return wrong
    text = re.sub(r"^\w+ Error: ", _COMPILE, text)
    return SnowflakeFault(number, state, text)


def _unexpected(text: str, sql: str) -> SnowflakeFault | None:
    """A syntax error, where the reader that stopped tells it: sqlglot by the last column of a token, DuckDB by the token."""
    first = re.match(r"\s*(\w+)", sql)
    if first and first[1].upper() not in _VERBS:
        return syntax_error(first.start(1), first[1])
    if found := _STOPPED.search(text):
        line, end = int(found[1]), int(found[2])
        lines = sql.split("\n")
        token = re.search(r"(\w+|\S)\Z", lines[line - 1][:end]) if line <= len(lines) else None
        return syntax_error(token.start() if token else end, token[0] if token else "<EOF>", line)
    if found := _AT_OR_NEAR.search(text):
        at = re.search(rf"(?<!\w){re.escape(found[1])}(?!\w)", sql, re.IGNORECASE)
        line, position = (
            (sql.count("\n", 0, at.start()) + 1, at.start() - sql.rfind("\n", 0, at.start()) - 1) if at else (1, 0)
        )
        return syntax_error(position, found[1], line)
    return None


def unreadable(value: str, duckdb_type: str) -> SnowflakeFault:
    """A text is no value of a type."""
    kind = duckdb_type.upper()
    if kind.startswith("TIMESTAMP"):
        return SnowflakeFault(100035, "22007", f"Timestamp '{value}' is not recognized")
    if kind.startswith("DATE"):
        return SnowflakeFault(100040, "22007", f"Date '{value}' is not recognized")
    if kind.startswith("TIME"):
        return SnowflakeFault(100108, "22007", f"Time '{value}' is not recognized")
    if kind.startswith("BOOL"):
        return SnowflakeFault(100037, "22018", f"Boolean value '{value}' is not recognized")
    return SnowflakeFault(100038, "22018", f"Numeric value '{value}' is not recognized")


def _constraint(text: str) -> SnowflakeFault:
    if found := TOO_LONG.search(text):
        return SnowflakeFault(100078, "22000", found[1])
    text = text.split("\n")[0]
    found = re.search(r"NOT NULL constraint failed: (\S+)", text)
    if found:
        name = found[1].rpartition(".")[2]
        return SnowflakeFault(100072, "22000", f"NULL result in a non-nullable column '{name}'")
    return SnowflakeFault(100072, "22000", text.removeprefix("Constraint Error: "))
