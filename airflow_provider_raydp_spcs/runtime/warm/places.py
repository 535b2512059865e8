"""Where the parts of a warm session find each other: sockets in a folder that only the cluster's user may enter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = "RAYDP_WARM_DIR"
"""Environment variable with the folder; set on the head only."""
IDLE: Final = "RAYDP_WARM_IDLE_SECONDS"
"""Environment variable: seconds without a job after which a warm session ends."""
IDLE_SECONDS: Final = 600.0
METADATA: Final = "raydp_warm"
"""Key among the metadata of a keeper's Ray job: a warm session without jobs is no work."""
SESSION: Final = "RAYDP_SESSION"
"""Environment variable of a job whose session is a warm one: then it is ``warm``."""
WARM: Final = "warm"


def nursery_socket(folder: Path) -> Path:
    """Where the nursery answers."""
    return folder / "nursery.sock"


def keeper_socket(folder: Path, key: str) -> Path:
    """Where the keeper of the sessions of one size answers."""
    return folder / f"{key}.sock"


def is_warm(environment: Mapping[str, str]) -> bool:
    """Whether the job of this environment shares a session."""
    return environment.get(SESSION) == WARM and bool(environment.get(FOLDER))
