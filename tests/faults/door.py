"""The fault door: a proxy between a client and the local Snowflake that breaks what passes it, as it is told to.

Clients come to it as to any forward proxy (``HTTPS_PROXY``). It opens their TLS with the local Snowflake's own certificate,
so it reads every request, statements included, and what strikes is chosen by what is asked. Without rules all passes.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.paths import Paths
from tests.faults.door_actions import Action
from tests.faults.door_wire import Asked, Tunnel


@dataclass(eq=False)
class Rule:
    """What strikes which requests; each condition that is given must hold.

    :param port: of the server that is meant.
    :param method: such as ``POST``.
    :param path: found in the path, as a regular expression.
    :param sql: found in the statement, likewise, in any case.
    :param when: whatever else must hold.
    :param skip: so many that fit are spared first.
    :param times: how often it strikes; None until it is taken back.
    """

    action: Action
    port: int | None = None
    method: str = ""
    path: str = ""
    sql: str = ""
    when: Callable[[Asked], bool] = lambda asked: True
    skip: int = 0
    times: int | None = 1
    strikes: int = 0
    fitting: int = 0

    def strikes_at(self, asked: Asked) -> bool:
        """Whether it strikes this request; counts it then."""
        fits = (
            self.port in (None, asked.port)
            and self.method in ("", asked.method)
            and re.search(self.path, asked.path) is not None
            and (not self.sql or re.search(self.sql, asked.sql, re.IGNORECASE) is not None)
            and self.when(asked)
        )
        if not fits or self.is_spent:
            return False
        self.fitting += 1
        if self.fitting <= self.skip:
            return False
        self.strikes += 1
        return True

    @property
    def is_spent(self) -> bool:
        """Whether it has struck as often as it should."""
        return self.times is not None and self.strikes >= self.times


class Door:
    """The proxy, in a thread of its own.

    :param home: folder of the local Snowflake.
    """

    def __init__(self, home: Path) -> None:
        security = Paths(home).security
        self._inward = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._inward.load_cert_chain(security / "server.pem")
        # Tickets come unasked and wake clients that wait for an answer; see the local Snowflake's own doors.
        self._inward.num_tickets = 0
        self._outward = ssl.create_default_context(cafile=str(security / "ca-bundle.pem"))
        self.idle_seconds: float | None = None
        """How long a connection may be without a request; None for ever."""
        self.idle_ended = 0
        """How many connections were ended for that."""
        self.asked: list[Asked] = []
        """Every request so far, in order."""
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._tunnels: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-door", daemon=True)
        self._thread.start()
        self._server = self._in_loop(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def environment(self) -> dict[str, str]:
        """Variables that lead a client to the door."""
        return {"HTTPS_PROXY": self.address, "https_proxy": self.address, "NO_PROXY": "", "no_proxy": ""}

    @contextmanager
    def leading(self) -> Iterator[None]:
        """Lead the clients of this process to the door."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment().items():
                patch.setenv(name, value)
            yield

    @contextmanager
    def breaking(self, *rules: Rule) -> Iterator[None]:
        """Let rules strike in this block; the first that fits a request has it."""
        with self._lock:
            self._rules += rules
        try:
            yield
        finally:
            with self._lock:
                self._rules = [each for each in self._rules if each not in rules]

    def count(self) -> int:
        """How many requests have come so far."""
        return len(self.asked)

    def close(self) -> None:
        """End every connection, and the thread."""
        self._server.close()
        self._in_loop(self._end_tunnels())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def admit(self, asked: Asked) -> Action | None:
        """Note a request; answer what strikes it."""
        with self._lock:
            self.asked.append(asked)
            return next((rule.action for rule in self._rules if rule.strikes_at(asked)), None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        task.add_done_callback(self._tunnels.discard)
        await Tunnel(self, self._inward, self._outward).run(reader, writer)

    async def _end_tunnels(self) -> None:
        for task in list(self._tunnels):
            task.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    def _in_loop(self, what: object) -> object:  # type: ignore[override]
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)  # type: ignore[arg-type]


def bearer(asked: Asked) -> str:
    """The credential that a request shows."""
    headers: Mapping[str, str] = asked.headers
    return headers.get("authorization", "")
