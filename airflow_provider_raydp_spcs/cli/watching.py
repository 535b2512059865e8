"""An answer that changes while it is looked at: drawn over itself on a terminal, a JSON document per line otherwise."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_raydp_spcs.cli.output import answer, is_json


@contextlib.contextmanager
def watched() -> Iterator[Callable[[Any, Any], None]]:
    """Shows a value, as plain values and for people, in place of the one before; what is the same is shown once. Ctrl-C ends it."""
    from rich.console import Console
    from rich.live import Live

    with contextlib.suppress(KeyboardInterrupt):
        if not is_json() and sys.stdout.isatty():
            with Live(console=Console(highlight=False), auto_refresh=False) as live:
                yield lambda value, shown: live.update(shown, refresh=True)
            return
        told: list[Any] = []

        def show(value: Any, shown: Any) -> None:
            # What a cluster has cost grows at every look, and is no news.
            news = {key: each for key, each in value.items() if key != "credits_at_most"}
            if told != [news]:
                told[:] = [news]
                answer(value, lambda: shown)
                sys.stdout.flush()

        yield show
