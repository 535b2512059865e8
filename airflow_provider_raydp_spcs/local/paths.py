"""The folders of one local Snowflake."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "RAYDP_SPCS_HOME"


def default_home() -> Path:
    """``$RAYDP_SPCS_HOME``, else the user's state folder."""
    import platformdirs

    given = os.environ.get(VARIABLE)
    return Path(given) if given else Path(platformdirs.user_state_dir("raydp-spcs")) / "local"


@dataclass(frozen=True)
class Paths:
    """Where everything of one local Snowflake lies; folders are for the user alone."""

    home: Path

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self.home, self.databases, self.stages, self.security, self.logs, self.blocks, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    @property
    def databases(self) -> Path:
        """DuckDB files, one a database."""
        return self.home / "databases"

    @property
    def stages(self) -> Path:
        """``DATABASE/SCHEMA/STAGE/path``."""
        return self.home / "stages"

    @property
    def security(self) -> Path:
        """Certificates and credentials."""
        return self.home / "security"

    @property
    def logs(self) -> Path:
        """Log of the server, and of every container."""
        return self.home / "logs"

    @property
    def blocks(self) -> Path:
        """Block volumes of services."""
        return self.home / "blocks"

    @property
    def objects(self) -> Path:
        """The store of everything that is no table."""
        return self.home / "objects.sqlite"

    @property
    def server(self) -> Path:
        """Where the running server writes its process id and port."""
        return self.home / "server.json"

    @property
    def runtime(self) -> Path:
        """Which runtime the services run with; restarts keep it."""
        return self.home / "runtime"

    @property
    def identity(self) -> str:
        """Six hexadecimal digits that stand for this home."""
        return hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:6]

    @property
    def scratch(self) -> Path:
        """Volumes of running instances. Short, because sockets below it may have paths of 107 bytes only."""
        return Path(tempfile.gettempdir()) / f"spcs-{self.identity}"
