"""Refuses on stage mounts what the real ones refuse: appending, writing out of order, links (SPCS reference 3.3).

Used by ``keeper.py`` and imported from beside it: standard library only.

A stage mount is an ordinary folder here, so the kernel has to ask before a container's process changes one in a way that
a stage cannot take (seccomp user notification, Linux 5.5). A filter in the kernel lets everything else pass, so only
few calls cost anything: opening a file to write without emptying it, writing at a position, setting a length, links.

Not seen: seeking back in a file that is being written, and then writing on.
"""

# Processes wait for every answer, and objects for paths would take half of the time:
# ruff: noqa: PTH113, PTH115, PTH118, PTH119, PTH120, PTH202
from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Callable

_ARCHITECTURES = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}
"""Machine → its number for the kernel, and that of the call ``seccomp``."""
_CALLS = {
    "x86_64": {
        "open": 2,
        "openat": 257,
        "pwrite64": 18,
        "pwritev": 296,
        "pwritev2": 328,
        "truncate": 76,
        "ftruncate": 77,
        "link": 86,
        "linkat": 265,
        "symlink": 88,
        "symlinkat": 266,
    },
    "aarch64": {
        "openat": 56,
        "pwrite64": 68,
        "pwritev": 70,
        "pwritev2": 287,
        "truncate": 45,
        "ftruncate": 46,
        "linkat": 37,
        "symlinkat": 36,
    },
}
_FLAGS_AT = {"open": 1, "openat": 2}
"""Which argument has the flags."""
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_PR_SET_NO_NEW_PRIVS, _SET_FILTER, _NEW_LISTENER = 38, 1, 8
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_QUESTION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_CONTINUE = 1
_AT_FDCWD = -100
_MAX_PATH = 4096


class StageGuard:
    """Answers the kernel's questions, for this process and all below it.

    :param folders: of stage mounts.
    :raises OSError: this kernel cannot ask.
    """

    def __init__(self, folders: list[str]) -> None:
        self._folders = tuple(os.path.realpath(folder).rstrip("/") + "/" for folder in folders)
        self._names = {number: name for name, number in _CALLS.get(platform.machine(), {}).items()}
        self._listener = _install(platform.machine())

    def fileno(self) -> int:
        """What to wait for."""
        return self._listener

    def answer(self) -> None:
        """Answer one question; a process that was interrupted meanwhile asks again."""
        question = bytearray(_QUESTION.size)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._listener, _RECEIVE, question)
            number, process, _, call, _, _, *arguments = _QUESTION.unpack(question)
            refused = self._refuses(self._names.get(call, ""), process, arguments)
            error, flags = (-errno.EOPNOTSUPP, 0) if refused else (0, _CONTINUE)
            fcntl.ioctl(self._listener, _SEND, bytearray(_ANSWER.pack(number, 0, error, flags)))

    def _refuses(self, call: str, process: int, arguments: list[int]) -> bool:
        try:
            return _RULES[call](self, process, arguments)
        except (OSError, KeyError):
            return False  # it is gone, or will fail by itself

    def _has(self, path: str) -> bool:
        """Whether a path is on a stage."""
        # The name itself may be a link, but not one that this lets anybody make on a stage.
        return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)).startswith(self._folders)

    def _refuses_opening(self, path: str, flags: int) -> bool:
        real = os.path.realpath(path)
        if not real.startswith(self._folders):
            return False
        # Without emptying it, a file can only be written whole where nothing is in it yet.
        return bool(flags & os.O_APPEND) or (os.path.isfile(real) and os.path.getsize(real) > 0)

    def _refuses_position(self, file: str, position: int) -> bool:
        return self._has(file) and position != os.path.getsize(file)

    def _refuses_length(self, file: str, length: int) -> bool:
        return self._has(file) and length != 0


_RULES: dict[str, Callable[[StageGuard, int, list[int]], bool]] = {
    "open": lambda guard, pid, a: guard._refuses_opening(_path(pid, _AT_FDCWD, a[0]), a[1]),
    "openat": lambda guard, pid, a: guard._refuses_opening(_path(pid, a[0], a[1]), a[2]),
    "pwrite64": lambda guard, pid, a: guard._refuses_position(_file(pid, a[0]), a[3]),
    "pwritev": lambda guard, pid, a: guard._refuses_position(_file(pid, a[0]), a[3]),
    "pwritev2": lambda guard, pid, a: guard._refuses_position(_file(pid, a[0]), a[3]),
    "truncate": lambda guard, pid, a: guard._refuses_length(_path(pid, _AT_FDCWD, a[0]), a[1]),
    "ftruncate": lambda guard, pid, a: guard._refuses_length(_file(pid, a[0]), a[1]),
    "link": lambda guard, pid, a: guard._has(_path(pid, _AT_FDCWD, a[1])),
    "linkat": lambda guard, pid, a: guard._has(_path(pid, a[2], a[3])),
    "symlink": lambda guard, pid, a: guard._has(_path(pid, _AT_FDCWD, a[1])),
    "symlinkat": lambda guard, pid, a: guard._has(_path(pid, a[1], a[2])),
}


def _file(process: int, descriptor: int) -> str:
    """The file behind a descriptor."""
    return os.readlink(f"/proc/{process}/fd/{ctypes.c_int32(descriptor).value}")


def _path(process: int, folder: int, address: int) -> str:
    """The absolute path that a process names.

    :param folder: descriptor that a relative path starts from.
    :param address: of the text in the process' memory.
    """
    memory = os.open(f"/proc/{process}/mem", os.O_RDONLY)
    try:
        text = os.fsdecode(os.pread(memory, _MAX_PATH, address).partition(b"\0")[0])
    finally:
        os.close(memory)
    if text.startswith("/"):
        return text
    descriptor = ctypes.c_int32(folder).value
    start = os.readlink(f"/proc/{process}/cwd") if descriptor == _AT_FDCWD else _file(process, descriptor)
    return os.path.join(start, text)


def _install(machine: str) -> int:
    """Give this process the filter; answer the descriptor on which the kernel asks."""
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no filter for {machine}")
    architecture, seccomp = _ARCHITECTURES[machine]
    steps = _program(architecture, _CALLS[machine])
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(steps), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = int(libc.syscall(seccomp, _SET_FILTER, _NEW_LISTENER, program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the kernel does not ask about calls")
    return listener


def _program(architecture: int, calls: dict[str, int]) -> list[tuple[int, int, int, int]]:
    """The filter: a step is what to do, how many steps to skip if so and if not so, and a value."""
    steps = [(_LOAD, 0, 0, 4), (_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    for name, number in calls.items():
        then = [(_RETURN, 0, 0, _ASK)]
        if name in _FLAGS_AT:
            then = [
                (_LOAD, 0, 0, 16 + 8 * _FLAGS_AT[name]),
                (_IF_ANY_BIT, 3, 0, os.O_APPEND),
                (_IF_ANY_BIT, 0, 1, os.O_WRONLY | os.O_RDWR),
                (_IF_ANY_BIT, 0, 1, os.O_TRUNC | os.O_EXCL),
                (_RETURN, 0, 0, _ALLOW),
                (_RETURN, 0, 0, _ASK),
            ]
        steps += [(_IF_EQUAL, 0, len(then), number), *then]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]
