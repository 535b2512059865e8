"""Shipping a node's logs while it runs, so that they outlive it: what is new goes to the stage every few seconds.

The stage is mounted. A mounted stage takes a file only as a whole, and has it when it is closed (SPCS reference 3.3), so a
growing log goes there in pieces, see :mod:`~airflow_provider_raydp_spcs.cluster.log_places`. Rewriting the whole log each time
would send a log of n bytes n²/2 times over; pieces alone would be thousands a day, and a folder of a stage holds fewer than
100,000 files. So each new piece also takes the place of those before it that are not larger: that sends each byte about
log₂(n) times, and leaves about log₂(n) pieces of a file.

A mount instead of PUT, since it needs no statement, no token and no warehouse, and works without any driver in memory; its
price is half a GiB for the platform's sidecar.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.cluster.log_places import LIVE, Boot, Piece, free_name, is_shipped_live
from airflow_provider_raydp_spcs.node.live_clean_up import LAST_SEEN, clean_up
from airflow_provider_raydp_spcs.node.log_files import PARALLEL, LogFile, copy, log_files, writing

EVERY_SECONDS: Final = 20.0
"""Between two looks; the loss of a node that dies is what it wrote since the last one."""
LAST_SECONDS: Final = 6.0
"""For the last look, within the 30 s that the platform leaves (SPCS reference 2.3), most of which Ray may need."""
FULL_BYTES: Final = 64 * 1024 * 1024
"""A piece of this size is not replaced any more."""
SEEN_SECONDS: Final = 3600.0
Say = Callable[[str], None]


@dataclass
class _Shipped:
    """What of a file is on the stage.

    :param name: under which: that of the file, and a number behind it where Ray began another file of the same name.
    """

    name: str
    number: int
    pieces: list[Piece] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Up to which byte."""
        return self.pieces[-1].end if self.pieces else 0


class LogShipping:
    """Ships the logs of one node, and on the head removes what is too old.

    :param logs: where Ray writes them; need not be there yet.
    :param stage: where the stage of the logs is mounted.
    :param cluster: the cluster's name.
    :param keep: how long what nodes shipped is kept after they were last seen; None where that is another node's matter.
    :param say: takes each line for the container's log.
    :param now: UTC.
    """

    def __init__(
        self,
        logs: Path,
        stage: Path,
        cluster: str,
        boot: Boot,
        say: Say,
        *,
        keep: dt.timedelta | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._logs, self._live, self._say, self._keep, self._now = logs, stage / LIVE, say, keep, now
        self._folder = self._live / cluster.upper() / str(boot)
        self._files: dict[str, _Shipped] = {}
        self._taken: set[str] = set()
        self._complaint = ""
        self._seen: dt.datetime | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="log-shipping")

    def start(self) -> None:
        """Ship from a thread of its own."""
        self._thread.start()

    def stop(self, seconds: float = LAST_SECONDS) -> None:
        """Ship what is left, as far as that takes no longer."""
        self._stopping.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        if self._keep is not None:
            clean_up(self._live, self._keep, self._now(), self._say)
        while not self._stopping.wait(EVERY_SECONDS):
            self.look()
        self.look()

    def look(self) -> None:
        """Ship what is new. Errors are said, once, and never raised: the next look tries again."""
        errors: list[str] = []
        grown = [(file, known) for file in log_files(self._logs, is_shipped_live) if (known := self._known(file))]
        try:
            if self._files:
                self._tell_life()
            if grown:
                with ThreadPoolExecutor(PARALLEL) as threads:
                    errors = [error for error in threads.map(self._try, grown) if error]
        except OSError as error:
            errors.append(str(error))
        except RuntimeError:  # the interpreter is ending
            return
        complaint = errors[0] if errors else ""
        if complaint != self._complaint:
            self._say(_told(complaint) if complaint else "logs are shipped again")
        self._complaint = complaint

    def _known(self, file: LogFile) -> _Shipped | None:
        """What is on the stage of a file that has grown since; None where there is nothing new."""
        name = file.path.name
        known = self._files.get(name)
        if known is None or known.number != file.number or file.size < known.end:
            known = self._files[name] = _Shipped(free_name(name, self._taken), file.number)
        return known if file.size > known.end else None

    def _try(self, grown: tuple[LogFile, _Shipped]) -> str:
        file, known = grown
        try:
            self._ship(file, known)
        except OSError as error:
            return f"{error.strerror or error} ({file.path.name})"
        return ""

    def _ship(self, file: LogFile, known: _Shipped) -> None:
        piece, kept = next_piece(known.name, known.pieces, file.size)
        copied = copy(file, piece.start, self._folder / str(piece))
        if copied.size < piece.size:
            msg = f"{file.path} became shorter meanwhile"
            raise OSError(msg)
        replaced = known.pieces[len(kept) :]
        known.pieces = [*kept, piece]
        for old in replaced:  # the stage has the new one by now
            with contextlib.suppress(OSError):
                (self._folder / str(old)).unlink()

    def _tell_life(self) -> None:
        """Write down when this node was last seen, for whoever removes what is old."""
        now = self._now()
        if self._seen is None or (now - self._seen).total_seconds() >= SEEN_SECONDS:
            with writing(self._folder / LAST_SEEN) as sink:
                sink.write(now.isoformat(timespec="seconds").encode())
            self._seen = now


def _told(complaint: str) -> str:
    return (
        f"logs are not shipped: {complaint}; trying again. Where the stage is read-only: GRANT READ, WRITE ON STAGE "
        "<logs stage> TO ROLE <the cluster's role>"
    )


def next_piece(name: str, pieces: Sequence[Piece], size: int) -> tuple[Piece, list[Piece]]:
    """The piece to write next of a file that is so large by now, and those before it that it does not replace."""
    kept = list(pieces)
    start = kept[-1].end if kept else 0
    while kept and kept[-1].size <= size - start and kept[-1].size < FULL_BYTES:
        start = kept.pop().start
    return Piece(name, start, size), kept


def boot_of(address: str) -> Boot:
    """The life that a node begins now."""
    return Boot(dt.datetime.fromtimestamp(int(time.time()), dt.UTC), address)
