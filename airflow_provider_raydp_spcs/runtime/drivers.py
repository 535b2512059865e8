"""The Spark drivers that are alive on this node, kept in a folder: who makes one lists it, the head tells Prometheus.

Each driver has a file that it holds locked. The lock ends with the process, however that ends, so a driver that was
killed is known by its file being free.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

VARIABLE: Final = "RAYDP_SPARK_DRIVERS_DIR"
"""Environment variable with the folder."""


@dataclass(frozen=True)
class Driver:
    """One driver.

    :param name: of its Spark application.
    :param ui: ``address:port`` of its user interface, which also tells its metrics.
    """

    name: str
    ui: str


@contextmanager
def listed(driver: Driver, folder: Path) -> Iterator[None]:
    """List a driver for the time of the block."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.json"
    # Under its final name only when it is whole and locked: whoever finds it free takes it away.
    new = path.with_suffix(".new")
    with new.open("x") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(asdict(driver), file)
        file.flush()
        new.rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def alive(folder: Path) -> list[Driver]:
    """The drivers whose process lives; what others left behind is taken away."""
    found = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError), path.open() as file:
            if _is_held(file.fileno()):
                found.append(Driver(**json.load(file)))
            else:
                path.unlink(missing_ok=True)
    return found


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
