"""Keeps one container's processes: started by path, standard library only, so that it is up in milliseconds.

``keeper.py [--stage <folder> | --read-only <folder>]… <command> …`` runs the command and exits as it does; on the folders of stage mounts it
refuses what stages cannot take (``stage_guard.py``). Its standard input is a pipe from the server:

- ``T``: the command gets SIGTERM, and everything left is killed 30 s later;
- ``K``, or the pipe's end (the server is gone, however it ended): everything is killed at once.

Processes that made a session of their own are caught as well: orphans become the keeper's children (it is a child
subreaper), so the whole tree below it is known until the last one is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.runtimes.stage_guard import StageGuard

GRACE_SECONDS = 30.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(words: list[str]) -> int:
    """Run the command and keep its processes; answer its exit code."""
    folders: dict[str, list[str]] = {"--stage": [], "--read-only": []}
    command = words
    while command[:1] and command[0] in folders:
        folders[command[0]].append(command[1])
        command = command[2:]
    guard = _guard(folders["--stage"], folders["--read-only"])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    def become_container() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    nothing = os.open(os.devnull, os.O_RDONLY)  # to read only: this process must not wait for an answer of its own
    try:
        child = subprocess.Popen(command, stdin=nothing, start_new_session=True, preexec_fn=become_container)
    except OSError as error:
        sys.stdout.write(f"container cannot start: {command[0]!r}: {error}\n")
        return 127
    code = _wait(child, guard)
    _kill_tree(child)
    return code if code >= 0 else 128 - code


def _guard(stages: list[str], read_only: list[str]) -> StageGuard | None:
    """Who answers the kernel's questions about stage mounts, where there are any."""
    if not (stages or read_only):
        return None
    # By its file's name: this file is started by its path, as no part of a package.
    from stage_guard import StageGuard  # type: ignore[import-not-found]

    guard: StageGuard | None = None
    try:
        guard = StageGuard(stages, read_only)
    except OSError as error:
        sys.stdout.write(f"stage mounts take what the real ones refuse: {error}\n")
        sys.stdout.flush()
    return guard


def _wait(child: subprocess.Popen[bytes], guard: StageGuard | None) -> int:
    deadline: float | None = None
    while True:
        code = child.poll()
        if code is not None:
            return code
        _reap_orphans(child.pid)
        asked = [] if guard is None else [guard.fileno()]
        readable, _, _ = select.select([0, *asked], [], [], 0.1)
        if guard is not None and guard.fileno() in readable:
            guard.answer()
        word = os.read(0, 1) if 0 in readable else b" "
        if word in (b"", b"K") or (deadline is not None and time.monotonic() > deadline):
            _kill_tree(child)
            return child.wait()
        if word == b"T" and deadline is None:
            child.terminate()
            deadline = time.monotonic() + GRACE_SECONDS


def _reap_orphans(main_pid: int) -> None:
    # A look at who has ended, which costs one call however many processes the machine has.
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid == main_pid:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def _kill_tree(child: subprocess.Popen[bytes]) -> None:
    """Kill every process below this one, until there is none: what is orphaned meanwhile moves up to us.

    The command itself is waited for through its ``Popen`` only, or its exit code would be lost.
    """
    for _ in range(500):
        child.poll()
        below = _descendants()
        if not below:
            return
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap_orphans(child.pid)
        time.sleep(0.02)


def _descendants() -> list[int]:
    children = _children()
    found: list[int] = []
    queue = list(children.get(os.getpid(), ()))
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, ()))
    return found


def _children() -> dict[int, list[int]]:
    table: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - one look, no objects
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
                    after_name = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if after_name[0] != b"Z" or int(after_name[1]) == os.getpid():
                table.setdefault(int(after_name[1]), []).append(int(entry))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
