"""The process that holds one Spark application for jobs that come and go.

Each job has a lease: a connection to this process, which the kernel ends with the job's process, however that ends. With
the lease ends whatever the job had here.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_raydp_spcs.runtime.warm.wire import Line

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.runtime.warm.sharing import Door

LOOK_SECONDS: Final = 0.2
REQUEST_SECONDS: Final = 30.0
FAILED_SECONDS: Final = 5.0
"""How long jobs that wait may take to hear that Spark did not start."""
Say = Callable[[str], None]


class Shared(Protocol):
    """See :class:`~airflow_provider_raydp_spcs.runtime.warm.sharing.SharedSpark`."""

    def door(self, job: str) -> AbstractContextManager[Door]:
        """A way in for a job."""
        ...

    def make_master(self) -> None:
        """Have RayDP's master actor there."""
        ...

    def fault(self, *, in_doubt: bool) -> str | None:
        """Why nobody can use it any more."""
        ...

    def tidy(self) -> str | None:
        """Let go what jobs left behind."""
        ...


class Keeper:
    """Gives jobs doors into one Spark application, until nobody wants one any more.

    :param listener: where jobs come.
    :param start: starts Spark, for the time of the block.
    :param idle_seconds: without a job, after which it ends.
    :param say: takes each line for the log.
    """

    def __init__(
        self,
        listener: socket.socket,
        start: Callable[[], AbstractContextManager[Shared]],
        idle_seconds: float,
        say: Say,
    ) -> None:
        self._listener, self._start, self._idle_seconds, self._say = listener, start, idle_seconds, say
        self._lock = threading.Lock()
        self._tidying = threading.Lock()
        self._ready = threading.Event()
        self._shared: Shared | None = None
        self._failure: Exception | None = None
        self._leases, self._unused_since = 0, time.monotonic()
        self._inside = 0
        self._is_ending = self._is_told_to_end = self._is_asked_to_leave = self._is_in_doubt = False
        self._fault: str | None = None
        self._worn: str | None = None

    def run(self) -> int:
        """Keep Spark; answer the exit code."""
        threading.Thread(target=self._accept, daemon=True, name="warm-door").start()
        try:
            with self._start() as shared:
                self._shared = shared
                self._unused_since = time.monotonic()
                self._ready.set()
                self._say(f"the warm session ends, for {self._until_end()}")
        except Exception as error:
            if self._ready.is_set():
                self._say(f"the warm session did not end well: {type(error).__name__}: {error}")
                return 1
            self._failure = error
            self._ready.set()
            self._say(f"the warm session does not start: {type(error).__name__}: {error}")
            self._until_told()
            return 1
        return 0

    def hear(self, number: int, frame: FrameType | None = None) -> None:
        """Take a signal: SIGTERM ends it at once, SIGUSR1 where it has no job."""
        del frame
        if number == signal.SIGUSR1:
            self._is_asked_to_leave = True
        elif self._ready.is_set():
            self._is_told_to_end = True
        else:
            raise SystemExit(0)

    def _until_end(self) -> str:
        """Wait until it has to end; answer why."""
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                reason = self._reason()
                self._is_asked_to_leave = False
                self._is_ending = reason is not None
            if reason is not None:
                self._leave()
                return reason

    def _reason(self) -> str | None:
        if self._is_told_to_end:
            return "it was told to"
        if self._fault is not None:
            return self._fault
        if self._leases:
            return None
        if self._is_asked_to_leave:
            return "another session needs its executors"
        if self._worn is not None:
            return self._worn
        idle = time.monotonic() - self._unused_since
        return f"no job has used it for {idle:.0f} s" if idle >= self._idle_seconds else None

    def _until_told(self) -> None:
        """Let those who wait hear of the failure."""
        deadline = time.monotonic() + FAILED_SECONDS
        while self._leases and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        self._leave()

    def _leave(self) -> None:
        """Nobody comes in any more: whoever tries finds nobody, and asks for a new session."""
        Path(self._listener.getsockname()).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(Line(channel),), daemon=True, name="warm-lease").start()

    def _serve(self, line: Line) -> None:
        with contextlib.closing(line), contextlib.suppress(OSError):
            line.patience(REQUEST_SECONDS)
            request = line.receive()
            if request is None:
                return
            line.patience(None)
            with self._lease() as is_let_in:
                if not is_let_in:
                    return
                if not self._ready.is_set():
                    line.send(say="the warm session is being started, for this is the first job of its kind")
                    self._ready.wait()
                self._let_in(line, str(request["job"]))

    @contextmanager
    def _lease(self) -> Iterator[bool]:
        with self._lock:
            is_let_in = not self._is_ending
            self._leases += is_let_in
        try:
            yield is_let_in
        finally:
            if is_let_in:
                self._return()

    def _return(self) -> None:
        """A lease has ended; after the last one what is left is put in order, before anybody else comes in."""
        with self._tidying:
            shared = self._shared
            if self._leases == 1 and shared is not None and self._fault is None:
                self._worn = self._tidied(shared)
            with self._lock:
                self._leases -= 1
                self._unused_since = time.monotonic()

    def _tidied(self, shared: Shared) -> str | None:
        try:
            return shared.tidy()
        except Exception as error:
            self._is_in_doubt = True
            self._say(f"what jobs left behind could not be let go: {type(error).__name__}: {error}")
            return None

    def _let_in(self, line: Line, job: str) -> None:
        if self._shared is None:
            error = self._failure
            line.send(error=str(error), kind=type(error).__name__)
            return
        with self._tidying:
            # A query would wait for the tasks of whoever is inside, and its lateness end a session that is well. It stays in
            # doubt until nobody is.
            in_doubt = self._is_in_doubt and not self._inside
            if in_doubt:
                self._is_in_doubt = False  # now, for whoever breaks off meanwhile leaves a doubt of its own
            fault = self._shared.fault(in_doubt=in_doubt)
            with self._lock:
                self._inside += fault is None
        if fault is not None:
            self._fault = fault
            line.send(gone=fault)
            return
        try:
            self._be_host(line, job, self._shared)
        finally:
            with self._lock:
                self._inside -= 1

    def _has_master(self, shared: Shared) -> bool:
        """A job that cannot have RayDP's master hears so from RayDP, and keeps its session."""
        try:
            shared.make_master()
        except Exception as error:
            self._say(f"RayDP's master does not start: {type(error).__name__}: {error}")
            return False
        return True

    def _be_host(self, line: Line, job: str, shared: Shared) -> None:
        try:
            with shared.door(job) as door:
                line.send(door=door.to_json())
                self._say(f"job {job} has come")
                farewell = line.receive()
                while farewell is not None and "master" in farewell:
                    line.send(master=self._has_master(shared))
                    farewell = line.receive()
                # Whoever goes without a word has crashed, or was killed; what it did to Spark meanwhile is anybody's guess.
                self._is_in_doubt |= farewell is None
                self._say(f"job {job} has {'ended' if farewell else 'broken off'}")
        except OSError:
            raise
        except Exception as error:
            self._is_in_doubt = True
            self._say(f"the door of job {job} is not in order: {type(error).__name__}: {error}")
