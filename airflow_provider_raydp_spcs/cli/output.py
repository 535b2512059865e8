"""How the command line speaks: answers on standard output, as tables or JSON; everything else on standard error.

With ``--output json`` standard output holds one JSON document and nothing else, of a failure
``{"error": {"type", "message", "exit_code"}}``; only a command line that cannot be read has none. Rich, which draws, is imported only when something is drawn.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_provider_raydp_spcs.cli.exit_codes import code_of

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 10_000
"""Columns of an output that nobody looks at, so that no line is broken for a pipe."""


class Format(StrEnum):
    """What answers look like."""

    TABLE = "table"
    JSON = "json"


class _Current:
    """The format of the running command, and whether it has given its answer."""

    format = Format.TABLE
    answered = False


def _choose(value: Format) -> Format:
    _Current.format, _Current.answered = value, False
    return value


Output = Annotated[
    Format,
    typer.Option(
        "--output",
        "-o",
        envvar="RAYDP_SPCS_OUTPUT",
        callback=_choose,
        is_eager=True,
        help="What the answer on standard output looks like. Messages and progress go to standard error.",
    ),
]
"""The option of every command that answers something: ``output: Output = Format.TABLE``, then :func:`answer`."""


@cache
def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


class _Lazy:
    """A console that is made at its first use."""

    def __init__(self, *, stderr: bool) -> None:
        self._stderr = stderr

    def print(self, *parts: Any, **options: Any) -> None:
        """As ``rich.console.Console.print``."""
        _console(stderr=self._stderr).print(*parts, **options)


console = _Lazy(stderr=False)
complaints = _Lazy(stderr=True)


def is_json() -> bool:
    """Whether the running command answers in JSON."""
    return _Current.format is Format.JSON


def is_terminal() -> bool:
    """Whether somebody looks at the progress: standard error is a terminal that can move its cursor."""
    found = _console(stderr=True)
    return found.is_terminal and not found.is_dumb_terminal


def say(line: str) -> None:
    """A message beside the answer, on standard error."""
    complaints.print(line, markup=False)


def answer(value: Any, table: Callable[[], Any] | None = None) -> None:
    """Give the command's answer.

    :param value: for JSON: plain values.
    :param table: for people: makes what rich can print, or a text; by default there is nothing to show.
    """
    _Current.answered = True
    if is_json():
        typer.echo(json.dumps(value, indent=None if not sys.stdout.isatty() else 2, ensure_ascii=False))
        return
    shown = table() if table is not None else None
    if isinstance(shown, str):
        typer.echo(shown)
    elif shown is not None:
        _draw(shown)


def _draw(shown: Any) -> None:
    from rich.console import Console

    seen = Console(highlight=False)
    (seen if seen.is_terminal else Console(highlight=False, width=WIDE)).print(shown)


def table_of(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()) -> Any:
    """A table for :func:`answer`: None is shown as ``-``; texts are taken as they are.

    :param right: columns that are numbers.
    """
    from rich.table import Table
    from rich.text import Text

    found = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        found.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        found.add_row(
            *(Text("-" if cell in (None, "") else str(cell), style=_STYLES.get(str(cell), "")) for cell in row)
        )
    return found


_STYLES = {
    **dict.fromkeys(("READY", "RUNNING", "SUCCEEDED", "ACTIVE"), "green"),
    **dict.fromkeys(("STARTING", "PENDING", "SUSPENDING", "DELETING", "RESIZING", "STOPPING"), "yellow"),
    **dict.fromkeys(("FAILED", "INTERNAL_ERROR", "LEFT_OVER"), "red"),
    **dict.fromkeys(("SUSPENDED", "STOPPED", "DONE"), "dim"),
}


def number(value: float | None, digits: int = 2) -> str | None:
    """A figure for a table."""
    return None if value is None else f"{value:,.{digits}f}"


def moment(value: dt.datetime | None) -> str | None:
    """A time for a table, in the zone of the machine."""
    return None if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def explain(error: BaseException) -> bool:
    """Tell an error that the package or Snowflake raised on purpose; answer whether it was one.

    Every such error says in its own text what is wrong, what is allowed and what to do next, so the traceback would
    only hide it. Anything else is a defect, and its traceback is wanted.
    """
    if not _is_meant_for_users(error):
        return False
    complaints.print(f"[bold red]{type(error).__name__}:[/] ", end="")
    complaints.print(str(error), markup=False)
    if is_json() and not _Current.answered:
        answer({"error": {"type": type(error).__name__, "message": str(error), "exit_code": int(code_of(error))}})
    return True


def _is_meant_for_users(error: BaseException) -> bool:
    module = type(error).__module__
    return module.startswith(("airflow_provider_raydp_spcs.", "snowflake.connector."))
