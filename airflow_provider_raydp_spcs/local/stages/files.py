"""Files of stages on disk: ``<root>/DATABASE/SCHEMA/STAGE/path``."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault


@dataclass(frozen=True)
class StagedFile:
    """One file; ``path`` is inside its stage."""

    path: str
    size: int
    md5: str
    last_modified: str


class StageFiles:
    """The folder of all stages, and beside it that of what is on its way to one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uploads = root.with_name("uploads")
        shutil.rmtree(self.uploads, ignore_errors=True)  # an earlier server may have left something there
        self.uploads.mkdir(mode=0o700, parents=True)

    def folder(self, stage: str) -> Path:
        """Folder of a stage ``DATABASE.SCHEMA.STAGE``; made when missing."""
        path = self.inside(self.root, "/".join(stage.split(".")))
        path.mkdir(parents=True, exist_ok=True)
        return path

    @staticmethod
    def inside(root: Path, relative: str) -> Path:
        """A path below a folder.

        :raises SnowflakeFault: it would lead out of it.
        """
        path = (root / relative.lstrip("/")).resolve()
        if not path.is_relative_to(root.resolve()):
            raise SnowflakeFault(253003, "22023", f"The path '{relative}' leads out of the stage.")
        return path

    def matching(self, stage: str, prefix: str, pattern: str | None = None) -> list[Path]:
        """Files whose path in the stage starts with the prefix, and whose whole path matches the pattern."""
        root = self.folder(stage)
        self.inside(root, prefix)
        try:
            wanted = re.compile(pattern) if pattern else None
        except re.error as error:
            raise SnowflakeFault(2040, "22023", f"Invalid pattern '{pattern}': {error}") from error
        found = []
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root).as_posix()
            if path.is_file() and relative.startswith(prefix) and (wanted is None or wanted.fullmatch(relative)):
                found.append(path)
        return found

    def listing(self, stage: str, prefix: str, pattern: str | None = None) -> list[StagedFile]:
        """The same with sizes and checksums."""
        root = self.folder(stage)
        return [
            StagedFile(
                path=path.relative_to(root).as_posix(),
                size=path.stat().st_size,
                md5=hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(),
                last_modified=formatdate(path.stat().st_mtime, usegmt=True),
            )
            for path in self.matching(stage, prefix, pattern)
        ]

    def remove(self, stage: str, prefix: str, pattern: str | None = None) -> list[str]:
        """Remove files; answer their paths. Folders that become empty go too."""
        root = self.folder(stage)
        removed = []
        for path in self.matching(stage, prefix, pattern):
            path.unlink()
            removed.append(path.relative_to(root).as_posix())
            for folder in path.parents:
                if folder == root or any(folder.iterdir()):
                    break
                folder.rmdir()
        return removed

    def clear(self, stage: str) -> None:
        """Remove a stage's folder with all in it."""
        shutil.rmtree(self.folder(stage), ignore_errors=True)
