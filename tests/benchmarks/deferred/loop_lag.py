"""A trigger that measures the event loop which it runs in, beside the triggers that are measured."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

PAUSE_SECONDS: Final = 0.01
WRITE_SECONDS: Final = 1.0


class LoopLagTrigger(BaseTrigger):
    """Sleeps a hundredth of a second again and again, and writes down how late each awakening came.

    It also counts what the process asks of Snowflake: statements at the cursor, and tokens for the ingress.

    :param file: gets a line of JSON each second: ``{"pid", "time", "lags", "statements", "tokens"}``; lags in seconds.
    """

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"file": self.file}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        counts = _count_statements()
        loop, lags = asyncio.get_running_loop(), []
        with Path(self.file).open("a") as file:  # noqa: ASYNC230 - a line a second
            written = loop.time()
            while True:
                before = loop.time()
                await asyncio.sleep(PAUSE_SECONDS)
                lags.append(round(loop.time() - before - PAUSE_SECONDS, 5))
                if loop.time() - written >= WRITE_SECONDS:
                    line = {"pid": os.getpid(), "time": time.time(), "lags": lags, **counts}
                    file.write(json.dumps(line) + "\n")
                    file.flush()
                    written, lags = loop.time(), []
        yield TriggerEvent(None)  # for the type; nothing comes here


def _count_statements() -> dict[str, int]:
    """Counts that go up as statements and requests for tokens are sent."""
    from snowflake.connector.cursor import SnowflakeCursor
    from snowflake.connector.network import SnowflakeRestful

    counts = {"statements": 0, "tokens": 0}
    execute, ask = SnowflakeCursor.execute, SnowflakeRestful._token_request

    def counted_execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        counts["statements"] += 1
        return execute(self, *args, **kwargs)

    def counted_ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        counts["tokens"] += 1
        return ask(self, *args, **kwargs)

    SnowflakeCursor.execute = counted_execute
    SnowflakeRestful._token_request = counted_ask
    return counts
