"""Files of stages on disk: ``<root>/DATABASE/SCHEMA/STAGE/path``."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
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
        self._uploads = root.with_name("uploads")
        shutil.rmtree(self._uploads, ignore_errors=True)  # an earlier server may have left something there
        self._uploads.mkdir(mode=0o700, parents=True)

    def unfinished(self) -> Path:
        """Where a file is written until it is whole; services see its place, so nothing else appears there."""
        return self._uploads / uuid.uuid4().hex

    def folder(self, stage: str) -> Path:
        """Folder of a stage ``DATABASE.SCHEMA.STAGE``; made when missing."""
        path = self.inside(self.root, "/".join(stage.split(".")))
        path.mkdir(parents=True, exist_ok=True)
        return path

    @staticmethod
    def inside(root: Path, relative: str) -> Path:
        """A path below a folder.

        :raises SnowflakeFault: it would lead out of it, or no file can have it.
        """
        try:
            path = (root / relative.lstrip("/")).resolve()
        except (OSError, ValueError) as error:  # a null byte, half of a surrogate pair, a loop of links
            raise SnowflakeFault(253003, "22023", f"The path {relative!r} cannot be on a stage.") from error
        if not path.is_relative_to(root.resolve()):
            raise SnowflakeFault(253003, "22023", f"The path '{relative}' leads out of the stage.")
        return path

    def matching(self, stage: str, prefix: str, pattern: str | None = None, *, within: str = "") -> list[Path]:
        """Files whose path in the stage starts with the prefix, and whose whole path matches the pattern.

        :param within: a path after which the pattern may begin as well.
        """
        root = self.folder(stage)
        self.inside(root, prefix)
        try:
            wanted = re.compile(pattern) if pattern else None
        except re.error as error:
            raise SnowflakeFault(2040, "22023", f"Invalid pattern '{pattern}': {error}") from error
        found = []
        real = root.resolve()
        # Only the prefix' own folder is looked through, unless it is none by this name: a link, or with dots in it.
        start = real / prefix.lstrip("/").rpartition("/")[0]
        for path in _files_below(root / start.relative_to(real) if start.resolve() == start else root):
            relative = path.relative_to(root).as_posix()
            if not relative.startswith(prefix) or not path.is_file():
                continue
            # A container that has the stage mounted can make links; they must not lead out of it.
            if path.is_symlink() and not path.resolve().is_relative_to(real):
                continue
            after = relative[len(within) :].lstrip("/")
            if wanted is None or wanted.fullmatch(relative) or wanted.fullmatch(after):
                found.append(path)
        return found

    def listing(self, stage: str, prefix: str, pattern: str | None = None) -> list[StagedFile]:
        """The same with sizes and checksums."""
        root = self.folder(stage)
        found = []
        for path in self.matching(stage, prefix, pattern):
            with suppress(FileNotFoundError):  # a service that has the stage mounted may remove it meanwhile
                state = path.stat()
                told = formatdate(state.st_mtime, usegmt=True)
                found.append(StagedFile(path.relative_to(root).as_posix(), state.st_size, _md5(path), told))
        return found

    def remove(self, stage: str, prefix: str, pattern: str | None = None) -> list[str]:
        """Remove files; answer their paths. Folders that become empty go too."""
        root = self.folder(stage)
        removed = []
        for path in self.matching(stage, prefix, pattern):
            path.unlink(missing_ok=True)
            removed.append(path.relative_to(root).as_posix())
            for folder in path.parents:
                if folder == root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # there is something in it, or it is gone
                    break
        return removed

    def clear(self, stage: str) -> None:
        """Remove a stage's folder with all in it."""
        shutil.rmtree(self.folder(stage), ignore_errors=True)

    def move(self, stage: str, other: str) -> None:
        """Give a stage's folder another stage's name."""
        folder = self.folder(other)
        folder.rmdir()
        self.folder(stage).rename(folder)


def _files_below(folder: Path) -> list[Path]:
    """In order. What disappears while this looks is not there."""
    return sorted(Path(place, name) for place, _, names in os.walk(folder) for name in names)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
