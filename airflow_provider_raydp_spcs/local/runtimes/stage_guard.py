"""Refuses on stage mounts what the real ones refuse: appending, writing out of order, links (SPCS reference 3.3).

Used by ``keeper.py`` and ``container_keeper.py`` and imported from beside it: standard library only.

A stage mount is an ordinary folder here, so the kernel has to ask before a container's process changes one in a way that
a stage cannot take (seccomp user notification, Linux 5.5). A filter in the kernel lets everything else pass, so only
few calls cost anything: opening a file to write without emptying it, writing at a position, setting a length, links.
Where a container may only read a stage, every call that could change it is asked about.

For real containers the engine sets the filter and hands on the questions (``container_keeper.py``).

Not seen: seeking back in a file that is being written, and then writing on.
"""

# Processes wait for every answer, and objects for paths would take half of the time:
# ruff: noqa: PTH115, PTH116, PTH118
from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import stat
import struct
from collections.abc import Iterable

_ARCHITECTURES = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}
"""Machine → its number for the kernel, and that of the call ``seccomp``."""
_POSITIONS = {
    "x86_64": {"pwrite64": 18, "pwritev": 296, "pwritev2": 328, "ftruncate": 77},
    "aarch64": {"pwrite64": 68, "pwritev": 70, "pwritev2": 287, "ftruncate": 46},
}
"""Calls on an open file."""
_OPENING = {"x86_64": {"open": 2, "openat": 257}, "aarch64": {"openat": 56}}
_REFUSED = {
    "x86_64": {"truncate": 76, "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266},
    "aarch64": {"truncate": 45, "linkat": 37, "symlinkat": 36},
}
"""Calls that no stage takes."""
_CHANGING = {
    "x86_64": {
        "creat": 85,
        "mkdir": 83,
        "mkdirat": 258,
        "rmdir": 84,
        "unlink": 87,
        "unlinkat": 263,
        "rename": 82,
        "renameat": 264,
        "renameat2": 316,
    },
    "aarch64": {"mkdirat": 34, "unlinkat": 35, "renameat": 38, "renameat2": 276},
}
"""Calls that a stage takes, unless it may only be read."""
_HERE = -100
_PATHS = {
    "open": ((_HERE, 0),),
    "openat": ((0, 1),),
    "truncate": ((_HERE, 0),),
    "link": ((_HERE, 1),),
    "linkat": ((2, 3),),
    "symlink": ((_HERE, 1),),
    "symlinkat": ((1, 2),),
    "creat": ((_HERE, 0),),
    "mkdir": ((_HERE, 0),),
    "mkdirat": ((0, 1),),
    "rmdir": ((_HERE, 0),),
    "unlink": ((_HERE, 0),),
    "unlinkat": ((0, 1),),
    "rename": ((_HERE, 0), (_HERE, 1)),
    "renameat": ((0, 1), (2, 3)),
    "renameat2": ((0, 1), (2, 3)),
}
"""Which arguments of a call are a path that it changes, and the folder that a relative one starts from."""
FLAGS_AT = {"open": 1, "openat": 2}
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_WRITES = os.O_WRONLY | os.O_RDWR
_PR_SET_NO_NEW_PRIVS, _SET_FILTER, _NEW_LISTENER = 38, 1, 8
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_QUESTION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_CONTINUE = 1
_MAX_PATH = 4096


class Questions:
    """The kernel's questions about stage mounts, and the answers.

    :param listener: descriptor on which the kernel asks.
    :param calls: name → number of the calls that it asks about.
    :param stages: folders of stage mounts, as the asking processes see them.
    :param read_only: those that may only be read.
    """

    def __init__(self, listener: int, calls: dict[str, int], stages: Iterable[str], read_only: Iterable[str]) -> None:
        self._listener = listener
        self._names = {number: name for name, number in calls.items()}
        self._architecture = _ARCHITECTURES[platform.machine()][0]
        self._stages, self._read_only = _ended(stages), _ended(read_only)

    def fileno(self) -> int:
        """What to wait for."""
        return self._listener

    def answer(self) -> None:
        """Answer one question; a process that was interrupted meanwhile asks again."""
        question = bytearray(_QUESTION.size)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._listener, _RECEIVE, question)
            number, process, _, call, architecture, _, *arguments = _QUESTION.unpack(question)
            error = 0
            with contextlib.suppress(OSError, KeyError):  # it is gone, or its call will fail by itself
                if architecture == self._architecture:
                    error = self._refusal(self._names[call], process, arguments)
            fcntl.ioctl(self._listener, _SEND, bytearray(_ANSWER.pack(number, 0, -error, 0 if error else _CONTINUE)))

    def _real(self, process: int, path: str) -> str:
        """A path without links, as the process sees it; the end of it need not be there."""
        del process
        return os.path.realpath(path)

    def _refusal(self, call: str, process: int, arguments: list[int]) -> int:
        """The error that a call gets; 0 for none."""
        if call not in _PATHS:
            file, position = _file(process, arguments[0]), arguments[1 if call == "ftruncate" else 3]
            if not file.startswith(self._stages):
                return 0
            in_order = position == (0 if call == "ftruncate" else os.stat(_descriptor(process, arguments[0])).st_size)
            return 0 if in_order else errno.EOPNOTSUPP
        paths = [
            _path(process, folder if folder == _HERE else arguments[folder], arguments[path])
            for folder, path in _PATHS[call]
        ]
        flags = arguments[FLAGS_AT[call]] if call in FLAGS_AT else None
        if flags is not None and not flags & (_WRITES | os.O_CREAT | os.O_TRUNC):
            return 0
        # An opened link leads on; other calls are about the name itself.
        real = [self._real(process, path) if flags is not None else self._named(process, path) for path in paths]
        if any(path.startswith(self._read_only) for path in real):
            return errno.EROFS
        if not any(path.startswith(self._stages) for path in real):
            return 0
        if flags is None:
            return errno.EOPNOTSUPP if call in _REFUSED["x86_64"] else 0
        # Without emptying it, a file can only be written whole where nothing is in it yet.
        empties = flags & (os.O_TRUNC | os.O_EXCL)
        kept = not empties and _holds_something(f"/proc/{process}/root{real[0]}")
        return errno.EOPNOTSUPP if flags & _WRITES and (flags & os.O_APPEND or kept) else 0

    def _named(self, process: int, path: str) -> str:
        """The same of a name that a call is about, itself not followed."""
        folder, name = os.path.split(path.rstrip("/"))
        return os.path.join(self._real(process, folder), name)


class StageGuard(Questions):
    """Answers for this process and all below it.

    :raises OSError: this kernel cannot ask.
    """

    def __init__(self, stages: Iterable[str], read_only: Iterable[str] = ()) -> None:
        stages, read_only = ([os.path.realpath(folder) for folder in given] for given in (stages, read_only))
        calls = guarded_calls() | (_CHANGING.get(platform.machine(), {}) if read_only else {})
        listener = _install(platform.machine(), calls, asks_often=bool(read_only))
        super().__init__(listener, calls, stages, read_only)


def guarded_calls() -> dict[str, int]:
    """Name → number of the calls to ask about where a container may write to its stages."""
    tables = (_POSITIONS, _OPENING, _REFUSED)
    return {name: number for table in tables for name, number in table.get(platform.machine(), {}).items()}


def _ended(folders: Iterable[str]) -> tuple[str, ...]:
    return tuple(folder.rstrip("/") + "/" for folder in folders)


def _holds_something(path: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _descriptor(process: int, descriptor: int) -> str:
    return f"/proc/{process}/fd/{ctypes.c_int32(descriptor).value}"


def _file(process: int, descriptor: int) -> str:
    """The file behind a descriptor."""
    return os.readlink(_descriptor(process, descriptor))


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
    start = os.readlink(f"/proc/{process}/cwd") if descriptor == _HERE else _file(process, descriptor)
    return os.path.join(start, text)


def _install(machine: str, calls: dict[str, int], *, asks_often: bool) -> int:
    """Give this process the filter; answer the descriptor on which the kernel asks."""
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no filter for {machine}")
    architecture, seccomp = _ARCHITECTURES[machine]
    steps = _program(architecture, calls, asks_often=asks_often)
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(steps), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = int(libc.syscall(seccomp, _SET_FILTER, _NEW_LISTENER, program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the kernel does not ask about calls")
    return listener


def _program(architecture: int, calls: dict[str, int], *, asks_often: bool) -> list[tuple[int, int, int, int]]:
    """The filter: a step is what to do, how many steps to skip if so and if not so, and a value."""
    steps = [(_LOAD, 0, 0, 4), (_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _ALLOW), (_LOAD, 0, 0, 0)]
    for name, number in calls.items():
        then = [(_RETURN, 0, 0, _ASK)]
        if name in FLAGS_AT:
            flags = (_LOAD, 0, 0, 16 + 8 * FLAGS_AT[name])
            if asks_often:
                then = [flags, (_IF_ANY_BIT, 1, 0, _WRITES | os.O_CREAT | os.O_TRUNC)]
            else:
                then = [
                    flags,
                    (_IF_ANY_BIT, 0, 2, _WRITES),
                    (_IF_ANY_BIT, 2, 0, os.O_APPEND),
                    (_IF_ANY_BIT, 0, 1, os.O_TRUNC | os.O_EXCL),
                ]
            then += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ASK)]
        steps += [(_IF_EQUAL, 0, len(then), number), *then]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]
