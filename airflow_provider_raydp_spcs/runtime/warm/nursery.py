"""The process that jobs and keepers are forked from, with everything imported that they import.

It runs one thread (besides helpers of OpenBLAS and jemalloc, which take care of forks themselves) and no code of any job,
so that forking it is safe and nothing of one job is in the next: a job's environment, arguments and files come with its
request and go to its process only. It imports at the first request, for a cluster without warm jobs shall not pay for
them.

Each request comes over a connection of its own, and begins with the byte that may carry files:

- ``job`` with three files: answered with ``pid``, and with ``code`` at the job's end. The connection's end, or ``stop``,
  ends the job.
- ``keeper``: there is a keeper for these sessions when it is answered.
- ``release``: keepers without a job end. Answered with how many keepers there are.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

from airflow_provider_raydp_spcs.runtime.warm.handing_over import python_in_use
from airflow_provider_raydp_spcs.runtime.warm.places import keeper_socket, nursery_socket
from airflow_provider_raydp_spcs.runtime.warm.wire import FILES, Line, listen

IMPORTED: Final = (
    "pyspark.sql",
    "pandas",
    "pyarrow",
    "ray",
    "raydp",
    "ray.data",
    "snowflake.connector",
    "airflow_provider_raydp_spcs.runtime.exchange",
    "airflow_provider_raydp_spcs.runtime.session",
    "airflow_provider_raydp_spcs.runtime.tables",
)
REQUEST_SECONDS: Final = 5.0
"""A request is whole within this time, for everybody else waits meanwhile."""
KILL_SECONDS: Final = 2.0
"""Between asking a job to end and killing it; Ray leaves a stopped job three."""
END_SECONDS: Final = 15.0
"""How long keepers may take to end their Spark when the nursery ends."""
_PR_SET_PDEATHSIG: Final = 1
_HANDLED: Final = (signal.SIGTERM, signal.SIGINT)
Run = Callable[[], None]
Say = Callable[[str], None]


@dataclass(eq=False)
class Child:
    """A process that was forked here.

    :param key: of a keeper; None for a job.
    :param line: to whoever waits for its end; None where nobody does.
    :param kill_at: when it is killed, by the monotonic clock; None where it was not asked to end.
    """

    pid: int
    handle: int
    key: str | None = None
    line: Line | None = None
    kill_at: float | None = None

    def send(self, number: int) -> None:
        """Signal it, and what it started: each child leads a group of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class Nursery:
    """Forks on request.

    :param folder: of the sockets.
    :param run_job: what a job's process does, given the words of its command line.
    :param keep: what a keeper's process does, given where it listens, the sessions' specification and its key.
    :param imported: what the children find imported.
    """

    def __init__(
        self,
        folder: Path,
        run_job: Callable[[Sequence[str]], None],
        keep: Callable[[socket.socket, Mapping[str, Any], str], None],
        say: Say,
        imported: Sequence[str] = IMPORTED,
    ) -> None:
        self._folder, self._run_job, self._keep, self._say = folder, run_job, keep, say
        self._imported: Sequence[str] | None = imported
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._libc = ctypes.CDLL(None, use_errno=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener = listen(nursery_socket(folder))
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def serve(self) -> Run | None:
        """Answer requests; answer None when told to end, and in a child what the process is there for."""
        for number in _HANDLED:
            signal.signal(number, _raise_end)
        # A keeper that is asked to leave before it listens to that must not die of it.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        try:
            while True:
                for key, _ in self._selector.select(self._patience()):
                    if (run := key.data()) is not None:
                        return run  # type: ignore[no-any-return]
                self._kill_overdue()
        except _End:
            self._end()
            return None

    def _patience(self) -> float | None:
        dues = [child.kill_at for child in self._children.values() if child.kill_at is not None]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _kill_overdue(self) -> None:
        for child in self._children.values():
            if child.kill_at is not None and time.monotonic() >= child.kill_at:
                child.send(signal.SIGKILL)
                child.kill_at = None

    def _accept(self) -> Run | None:
        channel, _ = self._listener.accept()
        line = Line(channel)
        line.patience(REQUEST_SECONDS)
        files = line.receive_files()
        try:
            request = line.receive()
            if request is not None:
                return self._answer(line, request, files)
            line.close()
        except (OSError, KeyError, TypeError, ValueError) as error:
            self._say(f"a request was not understood: {type(error).__name__}: {error}")
            line.close()
        finally:
            for file in files:
                with contextlib.suppress(OSError):
                    os.close(file)
        return None

    def _answer(self, line: Line, request: Mapping[str, Any], files: Sequence[int]) -> Run | None:
        kind = request["do"]
        if kind == "job":
            return self._start_job(line, request, files)
        if kind == "keeper":
            return self._start_keeper(line, str(request["key"]), request["sessions"])
        keepers = [child for child in self._children.values() if child.key is not None]
        for child in keepers:
            os.kill(child.pid, signal.SIGUSR1)
        with contextlib.closing(line):
            line.send(keepers=len(keepers))
        return None

    def _start_job(self, line: Line, request: Mapping[str, Any], files: Sequence[int]) -> Run | None:
        refusal = None
        if request["python"] != python_in_use():
            refusal = "the job runs in an environment of its own, with another Python or other packages"
        elif len(files) != FILES:
            refusal = "the job's files did not come along"
        if refusal:
            with contextlib.closing(line):
                line.send(refused=refusal)
            return None
        child = self._fork()
        if child is None:
            try:
                self._put_on(request, files)
                words = list(request["words"])
            except Exception as error:  # nothing of it may get back into the loop, which is the nursery's
                msg = f"the job cannot have the surroundings of its own process: {type(error).__name__}: {error}"
                raise SystemExit(msg) from error
            line.close()
            return partial(self._run_job, words)
        child.line = line
        self._selector.register(line, selectors.EVENT_READ, lambda: self._hear(child, line))
        with contextlib.suppress(OSError):
            line.send(pid=child.pid)
        return None

    def _start_keeper(self, line: Line, key: str, sessions: Mapping[str, Any]) -> Run | None:
        if not any(child.key == key for child in self._children.values()):
            listener = listen(keeper_socket(self._folder, key))
            child = self._fork()
            if child is None:
                line.close()
                return partial(self._keep, listener, sessions, key)
            child.key = key
            listener.close()
        with contextlib.closing(line):
            line.send(keeper=key)
        return None

    def _fork(self) -> Child | None:
        """The child; in the child None."""
        self._import()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that a child gets at once must not find the nursery's own handlers there.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            raise
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            child = Child(pid, os.pidfd_open(pid))
            self._children[pid] = child
            with contextlib.suppress(PermissionError, ProcessLookupError):
                os.setpgid(pid, pid)  # the child does it, too: whoever comes first
            self._selector.register(child.handle, selectors.EVENT_READ, lambda: self._bury(child))
            return child
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        with contextlib.suppress(PermissionError):
            os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        self._leave()
        return None

    def _import(self) -> None:
        for name in self._imported or ():
            try:
                importlib.import_module(name)
            except ImportError as error:
                self._say(f"{name} cannot be imported beforehand: {error}")
        if self._imported is not None:
            # What is there by now is never rubbish; without it, collections in children would copy its memory.
            gc.collect()
            gc.freeze()
        self._imported = None

    def _leave(self) -> None:
        """A child has nothing to do with what its parent watches."""
        self._selector.close()
        self._listener.close()
        for child in self._children.values():
            os.close(child.handle)
            if child.line is not None:
                child.line.close()
        self._children.clear()

    @staticmethod
    def _put_on(request: Mapping[str, Any], files: Sequence[int]) -> None:
        """Take over the surroundings of the Ray job's own process."""
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        os.umask(int(request["mask"]))
        sys.path[:] = request["path"]
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        # Python seeds its own generator anew in a child; numpy does not, and jobs would draw the same numbers.
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed()
        time.tzset()

    def _hear(self, child: Child, line: Line) -> None:
        """The Ray job's own process asks for the job's end, or is gone itself."""
        if child.line is not line:
            return  # it was buried in this very moment
        request = line.receive()
        number = int(request.get("signal", signal.SIGTERM)) if request else int(signal.SIGTERM)
        child.send(number)
        child.kill_at = child.kill_at or time.monotonic() + KILL_SECONDS
        if request is None:
            self._forget(child)

    def _forget(self, child: Child) -> None:
        if child.line is not None:
            self._selector.unregister(child.line)
            child.line.close()
            child.line = None

    def _bury(self, child: Child) -> None:
        child.send(signal.SIGKILL)  # what it started and left behind; its own number is not free before the next line
        _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._selector.unregister(child.handle)
        os.close(child.handle)
        del self._children[child.pid]
        if child.line is not None:
            with contextlib.suppress(OSError):
                child.line.send(code=code)
            self._forget(child)
        if child.key is not None and code:
            self._say(f"the keeper of the warm session {child.key} ended with exit code {code}; see its log")

    def _end(self) -> None:
        for child in self._children.values():
            if child.key is None:
                child.send(signal.SIGTERM)
            else:
                os.kill(child.pid, signal.SIGTERM)  # alone: its JVM must be there for an orderly end
        deadline = time.monotonic() + END_SECONDS
        while self._children and time.monotonic() < deadline:
            for key, _ in self._selector.select(max(0.0, deadline - time.monotonic())):
                if key.fileobj is not self._listener:
                    key.data()
                else:
                    self._selector.unregister(self._listener)
                    self._listener.close()
        for child in self._children.values():
            child.send(signal.SIGKILL)


class _End(BaseException):
    """The nursery was told to end."""


def _raise_end(number: int, frame: FrameType | None) -> None:
    del number, frame
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise _End
