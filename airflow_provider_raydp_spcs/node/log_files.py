"""Log files of a node, and copying them to a stage's mount: from their first to their last byte, in one go."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""A stage's mount is made for large pieces in a row (SPCS reference 3.3)."""
PARALLEL: Final = 8
"""Files at once: closing a file waits until the stage has it."""


@dataclass(frozen=True)
class LogFile:
    """A regular file, as it was when somebody looked.

    :param number: which file it is, whatever its name becomes.
    """

    path: Path
    number: int
    size: int


@dataclass(frozen=True)
class Copied:
    """What came to a stage: bytes, and their MD5, which LIST tells as well."""

    size: int
    md5: str


def log_files(folder: Path, is_wanted: Callable[[str], bool]) -> Iterator[LogFile]:
    """Those that hold something. Links are passed over: a job may make some, and they could lead anywhere."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # Ray has not begun
        return
    for entry in entries:
        if is_wanted(entry.name) and entry.is_file(follow_symlinks=False):
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:  # it has just gone
                continue
            if found.st_size:
                yield LogFile(Path(entry.path), found.st_ino, found.st_size)


@contextlib.contextmanager
def writing(target: Path) -> Iterator[BufferedWriter]:
    """A new file, with the folders above it; where it does not come to a good end, it is removed.

    Closing it may fail as well: only then has the stage all of it, or has not.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            yield sink
    except BaseException:
        with contextlib.suppress(OSError):
            target.unlink()
        raise


def copy(file: LogFile, start: int, target: Path) -> Copied:
    """Write what a file holds from one byte up to the size it was seen with; a file at the target is replaced.

    :raises OSError: it cannot be read or written; what was written of it is removed.
    """
    digest, left = hashlib.md5(usedforsecurity=False), file.size - start
    # Without waiting: where a job has put a pipe in its place, its other end may never come.
    opened = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(opened, "rb", buffering=0) as source:
        found = os.fstat(source.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_ino != file.number:
            msg = f"{file.path} is another file by now"
            raise OSError(msg)
        source.seek(start)
        with writing(target) as sink:
            while left and (piece := source.read(min(left, CHUNK_BYTES))):
                sink.write(piece)
                digest.update(piece)
                left -= len(piece)
    return Copied(file.size - start - left, digest.hexdigest())
