"""Putting together what a node shipped while it ran, from a folder with its pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from airflow_provider_raydp_spcs.cluster.log_places import (
    DRIVER_LOGS,
    Boot,
    Piece,
    driver_log,
    driver_names,
    in_order,
    safe_part,
)

CHUNK_BYTES: Final = 4 * 1024 * 1024


class Sink(Protocol):
    """Something that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take some more."""
        ...


Writing = Callable[[Path], AbstractContextManager[Sink]]
"""Opens a file that is written once, from its beginning to its end."""


@dataclass(frozen=True)
class Joined:
    """A log file that was put together.

    :param size: in bytes.
    """

    size: int
    md5: str


def pieces_in(folder: Path) -> dict[str, list[tuple[Piece, int]]]:
    """The pieces that lie in a folder, by their file, each with how many bytes are there.

    :raises OSError: the folder cannot be read.
    """
    found: dict[str, list[tuple[Piece, int]]] = {}
    for path in folder.iterdir():
        if (piece := Piece.read(path.name)) is not None and path.is_file() and not path.is_symlink():
            found.setdefault(piece.file, []).append((piece, path.stat().st_size))
    return dict(sorted(found.items()))


def join(folder: Path, pieces: list[tuple[Piece, int]], target: Path, writing: Writing) -> Joined:
    """Write a file out of its pieces.

    :param writing: opens the target.
    :raises OSError: a piece cannot be read, or the target cannot be written.
    """
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with writing(target) as sink:
        for piece, skip, count in in_order(pieces):
            for data in _bytes(folder / str(piece), skip, count):
                sink.write(data)
                digest.update(data)
                size += len(data)
    return Joined(size, digest.hexdigest())


def dead_node(
    pieces: Path,
    target: Path,
    boot: Boot,
    submission_ids: Sequence[str],
    there: Container[str],
    writing: Writing,
) -> Iterator[tuple[str, int, str]]:
    """Put together what a node that is gone had shipped, as an export would have had it.

    :param pieces: the folder of the node's life.
    :param target: the run's folder.
    :param there: paths that a younger node has taken.
    :returns: of each file its path below the run's folder, its bytes and its MD5.
    :raises OSError: a piece cannot be read, or the target cannot be written.
    """
    drivers = {driver_log(job): name for name, job in driver_names(submission_ids)}
    for file, found in pieces_in(pieces).items():
        path = drivers.get(file)
        if path is None and DRIVER_LOGS.match(file):
            continue  # another job's
        if path is None:
            path = f"executors/{safe_part(boot.address)}/{safe_part(file)}"
        if path in there:
            if file in drivers:
                continue
            path = f"executors/{boot}/{safe_part(file)}"
        joined = join(pieces, found, target / path, writing)
        yield path, joined.size, joined.md5


def _bytes(path: Path, skip: int, count: int) -> Iterator[bytes]:
    with path.open("rb") as source:
        source.seek(skip)
        while count and (data := source.read(min(count, CHUNK_BYTES))):
            yield data
            count -= len(data)
