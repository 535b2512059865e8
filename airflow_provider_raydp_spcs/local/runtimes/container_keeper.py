"""Refuses on the stage mounts of one real container what stages cannot take, as ``stage_guard.py`` does for processes.

``container_keeper.py <socket> <mount path> …`` is started by path, standard library only. The container's engine sets the
filter in the kernel, and at the container's start hands over, through the socket, the descriptor on which the kernel asks
(``listenerPath`` of the OCI runtime specification). It ends with the container. Its standard input is a pipe from the
server: at the pipe's end it goes, too, unless there is a container, whose calls would fail without answers.
"""

# Processes wait for every answer, and objects for paths would take half of the time:
# ruff: noqa: PTH115, PTH118
from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import struct
import sys

# By its file's name: this file is started by its path, as no part of a package.
from stage_guard import Questions, guarded_calls  # type: ignore[import-not-found]

_OPENAT2, _RESOLVE_IN_ROOT = 437, 0x10
_HOW = struct.Struct("=QQQ")
_MAX_STATE = 1024 * 1024


class ContainerQuestions(Questions):  # type: ignore[misc]
    """Questions of processes that see a file system of their own."""

    def _real(self, process: int, path: str) -> str:
        with _opened(f"/proc/{process}/root") as root:
            return _real(root, path)


def main(words: list[str]) -> None:
    """Answer as long as the container is there."""
    listener = socket.socket(fileno=int(words[0]))
    ready, _, _ = select.select([listener.fileno(), 0], [], [])
    if listener.fileno() not in ready:
        return
    questions, process = _handed_over(listener)
    with _opened(f"/proc/{process}/root") as root:
        stages = [_real(root, path) for path in words[1:]]
    guard = ContainerQuestions(questions, guarded_calls(), stages, ())
    waiting = select.poll()
    waiting.register(questions, select.POLLIN)
    while True:
        for _, event in waiting.poll():
            if not event & select.POLLIN:
                return  # nobody is left who could ask
            guard.answer()


def _handed_over(listener: socket.socket) -> tuple[int, int]:
    """The descriptor on which the kernel asks, and the container's first process."""
    connection, _ = listener.accept()
    with connection:
        state, (descriptor,), _, _ = socket.recv_fds(connection, _MAX_STATE, 1)
        while not (found := _pid(state)):
            state += connection.recv(_MAX_STATE)
    return descriptor, found


def _pid(state: bytes) -> int:
    import json

    try:
        return int(json.loads(state)["pid"])
    except ValueError:
        return 0  # more of it comes


def _real(root: int, path: str) -> str:
    """A path without links below a root; the end of it need not be there."""
    try:
        found = _open_in(root, path)
    except FileNotFoundError:
        folder, name = os.path.split(path.rstrip("/"))
        if not name:
            raise
        return os.path.join(_real(root, folder), name)
    try:
        return os.readlink(f"/proc/self/fd/{found}")
    finally:
        os.close(found)


def _open_in(root: int, path: str) -> int:
    """Open a path as if a folder were the root of everything (Linux 5.6).

    :raises OSError: it is not there.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    how = _HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
    found = int(libc.syscall(_OPENAT2, root, os.fsencode(path), how, len(how)))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return found


@contextlib.contextmanager
def _opened(folder: str):  # type: ignore[no-untyped-def]
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
