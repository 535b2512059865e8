"""Looking for secrets in everything that a running system leaves behind: each in every form in which it may be written.

A caller gives the places; a secret that is found where it is not meant to be is told, and so is one that others may read.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import sqlite3
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

import psutil

CHUNK: Final = 8 * 1024 * 1024
LEAST: Final = 12
"""Shorter pieces of a secret are found by chance."""


@dataclass(frozen=True)
class Found:
    """A secret somewhere.

    :param secret: its name, never itself.
    :param form: how it is written there.
    """

    secret: str
    form: str
    place: str

    def __str__(self) -> str:
        return f"{self.secret} ({self.form}) in {self.place}"


def forms(secret: str) -> dict[str, bytes]:
    """How a secret may be written: as it is, and in those ways that texts are packed."""
    raw = secret.encode()
    found = {
        "as it is": raw,
        "in an address": quote(secret, safe="").encode(),
        "in a form": quote_plus(secret).encode(),
        "in JSON": json.dumps(secret)[1:-1].encode(),
        "in JSON in JSON": json.dumps(json.dumps(secret)[1:-1])[1:-1].encode(),
        "in Python": repr(secret)[1:-1].encode(),
        "in hexadecimal digits": raw.hex().encode(),
    }
    # What stands before it decides how base64 cuts it: three ways, and of each the part that does not depend on the rest.
    for skip in range(3):
        packed = base64.b64encode(b"\0" * skip + raw)
        middle = packed[4 * bool(skip) : (len(packed) // 4 - 1) * 4]
        found[f"in base64 ({skip})"] = middle
        found[f"in base64 for addresses ({skip})"] = middle.replace(b"+", b"-").replace(b"/", b"_")
    lines = [line for line in secret.splitlines() if "-----" not in line]
    if len(lines) > 2:  # a key: each of its lines gives it away
        found |= {f"line {number} of it": line.encode() for number, line in enumerate(lines) if len(line) > 3 * LEAST}
        found |= {"on one line": "".join(lines).encode()}
    return {form: text for form, text in found.items() if len(text) >= LEAST}


class SecretsSearch:
    """Searches places one after another, and keeps what it finds.

    :param secrets: name → secret.
    :param is_meant: whether a file is meant to hold this secret (its name); then only its mode is looked at.
    """

    def __init__(
        self, secrets: Mapping[str, str], is_meant: Callable[[str, Path], bool] = lambda secret, file: False
    ) -> None:
        self._needles = [(name, form, text) for name, value in secrets.items() for form, text in forms(value).items()]
        longest_first = sorted({text for _, _, text in self._needles}, key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, longest_first)))
        self._overlap = max(map(len, longest_first))
        self._is_meant = is_meant
        self.found: list[Found] = []
        self.meant: list[Found] = []
        self.places = 0

    def data(self, place: str, data: bytes | str) -> list[Found]:
        """A text or bytes: a log, a specification, an answer, a database."""
        self.places += 1
        return self._keep(self._in(place, data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data))

    def values(self, place: str, value: Any) -> None:
        """Anything made of mappings, lists and texts: an XCom, a rendered field, rows."""
        if isinstance(value, Mapping):
            for key, each in value.items():
                self.values(f"{place}: {str(key)[:60]}", each)
                self.data(f"{place}, a key", str(key))
        elif isinstance(value, list | tuple | set | frozenset):
            for each in value:
                self.values(place, each)
        else:
            self.data(place, value if isinstance(value, bytes | str) else repr(value))

    def folders(self, *folders: Path, skip: Callable[[Path], bool] = lambda path: False) -> None:
        """Every file below: names, contents, what is packed in it, and the rows of databases."""
        for folder in folders:
            for root, names, files in os.walk(folder):
                names[:] = [name for name in names if not skip(Path(root, name))]
                for name in files:
                    path = Path(root, name)
                    if not skip(path) and not path.is_symlink():
                        self.file(path)

    def file(self, path: Path) -> None:
        """One file; what has gone meanwhile is passed over."""
        self.places += 1
        try:
            if not path.is_file():
                return
            here = [*self._in(f"name of {path}", os.fsencode(path)), *self._contents(path)]
        except FileNotFoundError:
            return
        seen: set[str] = set()
        for each in here:
            if self._is_meant(each.secret, path):
                self.meant.append(each)
                if (wide := _too_wide(path)) and each.secret not in seen:
                    self.found.append(Found(each.secret, wide, str(path)))
                seen.add(each.secret)
            else:
                self.found.append(each)

    def processes(self, may_have: Callable[[psutil.Process], bool] = lambda process: False) -> None:
        """Arguments of every process, which anybody may read, and environments, but of those that are meant to have it there."""
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
                environment = {} if may_have(process) else process.environ()
            except psutil.Error:
                continue
            words = " ".join(command)[:80]
            self.data(f"arguments of process {process.pid}", "\0".join(command))
            for name, value in environment.items():
                self.data(f"environment of process {process.pid} ({words}): {name}", value)

    def database(self, path: Path) -> None:
        """Every cell of every table, for pages of the file may cut a value in two."""
        with sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True) as connection:
            connection.text_factory = bytes
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                name = table.decode()
                quoted = '"' + name.replace('"', '""') + '"'
                for row in connection.execute(f"SELECT * FROM {quoted}"):
                    for cell in row:
                        if isinstance(cell, bytes):
                            self._keep(self._in(f"table {name} of {path}", cell))

    def _keep(self, found: Iterable[Found]) -> list[Found]:
        here = list(found)
        self.found += here
        return here

    def _in(self, place: str, data: bytes) -> list[Found]:
        if not self._any.search(data):
            return []
        here = [Found(name, form, place) for name, form, text in self._needles if text in data]
        return list({each.secret: each for each in reversed(here)}.values())

    def _contents(self, path: Path) -> Iterator[Found]:
        with path.open("rb") as source:
            beginning, kept = source.read(16), b""
            source.seek(0)
            while piece := source.read(CHUNK):
                yield from self._in(str(path), kept + piece)
                kept = piece[-self._overlap :]
        if beginning.startswith(b"SQLite format 3"):
            inner = self._like()
            inner.database(path)
            yield from inner.found
        elif beginning.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                yield from self._in(f"{path}, unpacked", packed.read())
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield from self._in(f"{name} in {path}", archive.read(name))
        elif tarfile.is_tarfile(path):
            with tarfile.open(path) as folder:
                for member in folder:
                    if (inside := folder.extractfile(member)) is not None:
                        yield from self._in(f"{member.name} in {path}", inside.read())

    def _like(self) -> SecretsSearch:
        made = SecretsSearch.__new__(SecretsSearch)
        made.__dict__ |= {**self.__dict__, "found": [], "meant": [], "places": 0}
        return made


def _too_wide(path: Path) -> str:
    """Why others than the owner may read a file; empty where they may not."""
    status = path.stat()
    if status.st_uid != os.geteuid():
        return f"another user's file ({status.st_uid})"
    if not stat.S_IMODE(status.st_mode) & 0o077:
        return ""
    folders = (folder.stat() for folder in path.parents)
    if any(folder.st_uid == os.geteuid() and not stat.S_IMODE(folder.st_mode) & 0o077 for folder in folders):
        return ""
    return f"mode {stat.S_IMODE(status.st_mode):04o}, in no folder that only its owner may enter"
