"""The Ray job's own process: hands the job over to the nursery, and ends as the job does.

It imports nothing but the standard library. The job's process has its three files, so its log is the Ray job's log without
anybody in between; Ray stops the job by stopping this process, however it does it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from airflow_provider_raydp_spcs.runtime.errors import RuntimeRoomError
from airflow_provider_raydp_spcs.runtime.warm.places import nursery_socket
from airflow_provider_raydp_spcs.runtime.warm.wire import Line


class NoNurseryError(RuntimeRoomError):
    """The job cannot be handed over; nothing of it has run.

    :param is_there: whether there is a nursery, and so warm sessions.
    """

    def __init__(self, message: str, *, is_there: bool = False) -> None:
        super().__init__(message)
        self.is_there = is_there


def hand_over(folder: Path, words: Sequence[str]) -> int:
    """Have the nursery run a job, and wait for its end; answer its exit code, negative for the signal that killed it.

    :param words: of the job's command line.
    :raises NoNurseryError: the nursery does not answer, or cannot run this job.
    """
    try:
        nursery = Line.to(nursery_socket(folder))
    except OSError as error:
        msg = f"the nursery does not answer: {error}"
        raise NoNurseryError(msg) from error

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        with contextlib.suppress(OSError):
            nursery.send(do="stop", signal=number)

    answer = end = None
    with contextlib.closing(nursery), contextlib.suppress(OSError):
        nursery.send_files([0, 1, 2])
        nursery.send(do="job", words=list(words), **_surroundings())
        answer = nursery.receive()
        if answer is not None and "refused" in answer:
            raise NoNurseryError(str(answer["refused"]), is_there=True)
        if answer is not None:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, stop)
            end = nursery.receive()
    if answer is None:
        # It may have forked all the same, and the job with it; so it is not run here instead.
        sys.stderr.write("The nursery did not take the job, or broke off while it did; submit it again.\n")
        return 1
    if end is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(int(answer["pid"]), signal.SIGKILL)  # the kernel has killed the job, not what it started
        sys.stderr.write("The job was killed with the nursery from which it came; submit it again.\n")
        return -signal.SIGKILL
    return int(end["code"])


def end_like(code: int) -> None:
    """End this process as the job ended."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def python_in_use() -> list[str]:
    """What must be the same where the job runs: its Python and its packages."""
    return [sys.executable, sys.prefix, sys.version]


def _surroundings() -> dict[str, object]:
    mask = os.umask(0)
    os.umask(mask)
    return {
        "python": python_in_use(),
        "path": sys.path,
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "mask": mask,
    }
