"""Where logs lie on the stage ``RAYDPLOGS``, and how those that still grow lie there in pieces.

A run's logs: ``<CLUSTER>/<dag>/<run>/<task>/<try>/…``. What nodes ship while they run: ``live/<CLUSTER>/<boot>/<piece>``; no
cluster is named ``live``, for names of clusters are written in capitals. A boot is one life of one node, and a piece is what
a file holds from one byte to another, for a file on a stage cannot be appended to (SPCS reference 3.3). Pieces may overlap,
because many small ones are replaced by a large one before they are removed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

LIVE: Final = "live"
EXECUTOR_LOGS: Final = re.compile(r"(raydp-java-worker|raydp-warm|java-worker|worker)-.*\.(log|out|err)\Z")
"""What executors, the app master, warm sessions and Ray tasks write, by their files' names; empty files are left out."""
DRIVER_LOGS: Final = re.compile(r"job-driver-[A-Za-z0-9][A-Za-z0-9_.-]*\.log\Z")
LAST_WORDS: Final = re.compile(r"(raylet|gcs_server)\.(out|err)\Z|ray_process_exit\.log\Z")
"""Why a node's Ray ended, if it did."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.=-]+")
LONGEST_PART: Final = 240
"""A stage that is mounted holds names of 255 bytes, some of which have more around such a part."""
_SAFE: Final = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]*\Z")
_TIME: Final = "%Y%m%dT%H%M%SZ"
_BOOT: Final = re.compile(r"(?P<address>[0-9A-Fa-f.-]+)_(?P<time>\d{8}T\d{6}Z)\Z")
_PIECE: Final = re.compile(r"(?P<file>.+)\.part-(?P<start>\d+)-(?P<end>\d+)\Z")


def safe_part(text: str) -> str:
    """A text as one part of a stage path; run ids hold colons and plus signs, and a part that is too long ends in its checksum."""
    safe = _UNSAFE.sub("_", text).strip(".") or "_"
    if len(safe) <= LONGEST_PART:
        return safe
    checksum = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{safe[: LONGEST_PART - len(checksum) - 1]}-{checksum}"


def free_name(text: str, taken: set[str]) -> str:
    """A text as one part of a stage path that no other has; it is taken from now on. Odd names may differ in what a path cannot hold."""
    safe = safe_part(text)
    name = next(
        each for each in (safe, *(f"{safe}.{number}" for number in range(1, len(taken) + 2))) if each not in taken
    )
    taken.add(name)
    return name


def is_run_folder(path: str) -> bool:
    """Whether this is a folder as :func:`safe_part` makes its parts, and no other place of the stage."""
    parts = path.split("/")
    return len(parts) > 1 and parts[0] != LIVE and all(_SAFE.match(part) for part in parts)


def driver_log(submission_id: str) -> str:
    """Name of the file into which Ray writes a driver's output."""
    return f"job-driver-{submission_id}.log"


def driver_names(submission_ids: Sequence[str]) -> list[tuple[str, str]]:
    """The name of each driver's log in a run's folder, and the job's id: the first is ``driver.log``."""
    return [("driver.log" if not at else f"driver-{safe_part(job)}.log", job) for at, job in enumerate(submission_ids)]


def is_shipped_live(name: str) -> bool:
    """Whether a log file is shipped while its node runs: what an export wants, and why a node's Ray ended.

    Logs of the runtime environment are not among them, for they tell environment variables.
    """
    return any(kind.match(name) for kind in (EXECUTOR_LOGS, DRIVER_LOGS, LAST_WORDS))


@dataclass(frozen=True, order=True)
class Boot:
    """One life of a node.

    :param time: when it began, UTC.
    """

    time: dt.datetime
    address: str

    @classmethod
    def read(cls, name: str) -> Self | None:
        """The boot whose folder has this name, None where it is none's."""
        found = _BOOT.match(name)
        if found is None:
            return None
        return cls(
            dt.datetime.strptime(found["time"], _TIME).replace(tzinfo=dt.UTC), found["address"].replace("-", ":")
        )

    def __str__(self) -> str:
        return f"{self.address.replace(':', '-')}_{self.time.astimezone(dt.UTC).strftime(_TIME)}"


def boots_since(boots: Iterable[Boot], since: float) -> list[Boot]:
    """Those that began then or later, the youngest first.

    :param since: seconds since 1970, of which a boot's name tells whole ones only.
    """
    begin = dt.datetime.fromtimestamp(since, dt.UTC) - dt.timedelta(seconds=1)
    return sorted((boot for boot in boots if boot.time >= begin), reverse=True)


@dataclass(frozen=True, order=True)
class Piece:
    """A part of a log file, from byte ``start`` up to byte ``end``."""

    file: str
    start: int
    end: int

    @classmethod
    def read(cls, name: str) -> Self | None:
        """The piece whose file has this name, None where it is none's."""
        found = _PIECE.match(name)
        if found is None or _UNSAFE.search(found["file"]):
            return None
        return cls(found["file"], int(found["start"]), int(found["end"]))

    def __str__(self) -> str:
        return f"{self.file}.part-{self.start}-{self.end}"

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start


def in_order(pieces: Iterable[tuple[Piece, int]]) -> list[tuple[Piece, int, int]]:
    """How pieces of one file make it up: which to read, from which of their bytes on, and how many; each byte once.

    :param pieces: with how many bytes are there of each, which may be less than its name says.
    :returns: up to the first gap; behind one nothing could be put at its place.
    """
    steps: list[tuple[Piece, int, int]] = []
    at = 0
    for piece, size in sorted(pieces, key=lambda each: (each[0].start, -each[1])):
        end = piece.start + min(size, piece.size)
        if piece.start > at:
            break
        if end > at:
            steps.append((piece, at - piece.start, end - at))
            at = end
    return steps
