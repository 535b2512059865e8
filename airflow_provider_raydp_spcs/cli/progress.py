"""What is seen while something is waited for: a bar where somebody looks, lines where nobody does. On standard error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_raydp_spcs.cli.output import is_terminal, say

Tell = Callable[[str], None]


class Bar:
    """How far something is. Its lines go above the bar.

    :param move: shows how many of how many are done.
    """

    def __init__(self, tell: Tell, move: Callable[[int, int], None] = lambda done, total: None) -> None:
        self.tell, self.move = tell, move


@contextlib.contextmanager
def bar(what: str) -> Iterator[Bar]:
    """A bar that is gone at the end; its lines stay."""
    if not is_terminal():
        yield Bar(say)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24)]
    console = Console(stderr=True, highlight=False)
    columns += [MofNCompleteColumn(), TimeElapsedColumn()]
    # Standard output stays as it is: rich would send it to the progress' console.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(what, total=None)

        def tell(line: str) -> None:
            progress.console.print(line, markup=False, soft_wrap=True)

        def move(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        yield Bar(tell, move)
