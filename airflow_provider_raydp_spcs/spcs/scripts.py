"""The shipped SQL files for other names: which they fix, and how they become statements.

The files run as they are in any of Snowflake's clients. For other names each fixed one is replaced by a validated
identifier, which cannot end a name, a literal or a comment that it stands in.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.version import __version__

_TAG = re.compile(r"(?<=/raydp_head:)[\w.]+")


@dataclass(frozen=True)
class SetupNames:
    """What the set-up makes; the defaults are what the files say.

    Role, database, warehouse and integration are the account's: a second set-up needs other names for all four.

    :raises InvalidIdentifierError: at construction.
    """

    role: str = "RAYDP_SIS_ROLE"
    database: str = "RAYDP_SIS_DB"
    schema: str = "RAYDP_SIS_CORE_SCHEMA"
    warehouse: str = "RAYDP_SIS_XSW"
    integration: str = "RAYDP_ACCESS_INTEGRATION"

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, sql.identifier(getattr(self, field.name), field.name))

    def put_into(self, text: str) -> str:
        """A file's text with these names in it; image paths stay in lower case, and get this version's tag."""
        own = asdict(self)
        found: dict[str, str] = {str(field.default): own[field.name] for field in fields(self)}
        names = {**found, **{old.lower(): new.lower() for old, new in found.items()}}
        pattern = re.compile(r"(?<![\w$])(" + "|".join(map(re.escape, names)) + r")(?![\w$])")
        return _TAG.sub(__version__, pattern.sub(lambda match: names[match[1]], text))


@dataclass(frozen=True)
class Step:
    """One statement of a file.

    :param comment: what stands above it, without the marks.
    """

    statement: str
    comment: str = ""

    @property
    def title(self) -> str:
        """Its first line, for people."""
        return " ".join(self.statement.split("\n", 1)[0].split())


def steps(text: str) -> Iterator[Step]:
    """The statements of a SQL file, split as Snowflake's own clients split it."""
    from snowflake.connector.util_text import split_statements

    for statement, _ in split_statements(io.StringIO(text), remove_comments=False):
        lines = statement.strip().splitlines()
        above = [line for line in lines if line.startswith("--")]
        body = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";").rstrip()
        if body:
            yield Step(body, " ".join(line.removeprefix("--").strip() for line in above))
