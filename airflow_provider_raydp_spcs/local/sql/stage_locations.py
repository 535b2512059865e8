"""Places in stages: ``@[db.][schema.]stage[/path]``, ``@%table[/path]`` and ``@~[/path]`` (SPCS reference, part 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context
from airflow_provider_raydp_spcs.local.sql.scope import full_name

STAGE: Final = "Stage"
READ: Final = "READ"
WRITE: Final = "WRITE"


@dataclass(frozen=True)
class Location:
    """A place in a stage.

    :param stage: the stage's name, ``%TABLE`` of a table's own stage, ``~`` of the user's own.
    """

    stage: str
    path: str

    @classmethod
    def read(cls, cursor: Cursor) -> Location:
        """Read it.

        :raises SnowflakeFault: no location comes.
        """
        return cls.of(cursor.text())

    @classmethod
    def of(cls, text: str) -> Location:
        """The location that a text names.

        :raises SnowflakeFault: it names none.
        """
        if not text.startswith("@") or len(text) < 2:
            raise SnowflakeFault(
                1003, "42000", f"SQL compilation error:\n'{text}' is no stage; it does not start with @"
            )
        name, slash, path = text[1:].partition("/")
        if name.startswith('"') and name.count('"') % 2:  # the slash was inside quotes
            end = text.index('"', 2 + len(name)) if '"' in text[2 + len(name) :] else len(text)
            name, path = text[1 : end + 1], text[end + 1 :].lstrip("/")
        del slash
        if name == "~":
            return cls("~", path)
        before, mark, table = name.rpartition("%")
        if mark and (not before or before.endswith(".")):
            last = Cursor(table).name()
            return cls(f"{Cursor(before[:-1]).name()}.%{last}" if before else f"%{last}", path)
        return cls(Cursor(name).name(), path)

    def stage_in(self, context: Context, verb: str, privilege: str | None = None) -> str:
        """The stage's full name.

        :param privilege: what the role must be allowed to do with it.

        :raises SnowflakeFault: there is no such stage, or the role may not.
        """
        if self.stage == "~":
            return f"~.{context.session.user}.~"
        name = full_name(self.stage, context.session, verb)
        if not name.rpartition(".")[2].startswith("%"):
            context.catalogue.get(STAGE, name)
            if privilege is not None:
                context.needs(privilege, STAGE, name)
        return name

    def files(
        self, context: Context, verb: str, pattern: str | None = None, names: Sequence[str] | None = None
    ) -> list[tuple[Path, str]]:
        """The files to read from here, with the path of each as results tell it.

        :param pattern: a regular expression for the paths.
        :param names: these files only.
        :raises SnowflakeFault: one of the named is not there.
        """
        stage = self.stage_in(context, verb, READ)
        root = context.files.folder(stage)
        told = prefix(stage)
        if names is None:
            found = context.files.matching(stage, self.path, pattern, within=self.path)
            return [(file, told + file.relative_to(root).as_posix()) for file in found]
        chosen = []
        for name in names:
            paths = [f"{self.path.rstrip('/')}/{name}" if self.path else name, f"{self.path}{name}"]
            files = [context.files.inside(root, path) for path in paths]
            file = next((each for each in files if each.is_file()), None)
            if file is None:
                text = f"Remote file '{told}{paths[0]}' was not found. There are several potential causes. The file might not exist."
                raise SnowflakeFault(91016, "22000", text)
            chosen.append((file, told + file.relative_to(root.resolve()).as_posix()))
        return chosen


def prefix(stage: str) -> str:
    """What paths of a stage's files begin with where results tell them."""
    short = stage.rpartition(".")[2]
    return "" if short.startswith(("%", "~")) else f"{short.lower()}/"
