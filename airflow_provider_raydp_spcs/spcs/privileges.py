"""Which privilege a refused statement lacked, and the GRANT that mends it (SPCS reference, part 7).

Snowflake's own words name the object at most. What the statement needs is known, for only this room renders statements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError, ObjectDoesNotExistError, SpcsError
from airflow_provider_raydp_spcs.spcs.session import Row, Session

_NAME: Final = r"([A-Z_][A-Z0-9_$.]*)"
_STAGE: Final = r"'@([A-Z_][A-Z0-9_$.]*)"


@dataclass(frozen=True)
class Grant:
    """A privilege on an object; the account has no name."""

    privilege: str
    kind: str
    name: str = ""

    def statement(self, role: str) -> str:
        """What gives it to a role."""
        if (self.privilege, self.kind) == ("OWNERSHIP", "SERVICE"):
            # Which cannot be handed over (reference 7).
            return f"-- only the role that owns service {self.name} may do this; name it in the connection"
        kept = " COPY CURRENT GRANTS" if self.privilege == "OWNERSHIP" else ""
        return f"GRANT {self.privilege} ON {f'{self.kind} {self.name}'.strip()} TO ROLE {role}{kept};"


def _create_service(statement: str, service: str, pool: str) -> Iterator[Grant]:
    schema = service.rpartition(".")[0]
    yield Grant("CREATE SERVICE", "SCHEMA", schema or "<schema>")
    yield from _inside(schema)
    yield Grant("USAGE", "COMPUTE POOL", pool)
    yield Grant("BIND SERVICE ENDPOINT", "ACCOUNT")
    for repository in _found(r"image: \W*([\w$]+/[\w$]+/[\w$]+)/", statement):
        yield Grant("READ", "IMAGE REPOSITORY", repository.replace("/", "."))
    for stage in _found(r"@([\w$]+(?:\.[\w$]+)*)", statement):
        yield Grant("READ, WRITE", "STAGE", stage)
    for integrations in _found(r"EXTERNAL_ACCESS_INTEGRATIONS = \((.*?)\)", statement):
        yield from (Grant("USAGE", "INTEGRATION", each) for each in integrations.split(", "))
    for warehouse in _found(r"QUERY_WAREHOUSE = ([\w$]+)", statement):
        yield Grant("USAGE", "WAREHOUSE", warehouse)


def _create_in(privilege: str) -> Callable[[str, str], Iterator[Grant]]:
    """For an object in a schema, made from a stage or not."""

    def needed(statement: str, name: str) -> Iterator[Grant]:
        schema = name.rpartition(".")[0]
        yield Grant(privilege, "SCHEMA", schema or "<schema>")
        yield from _inside(schema)
        for stage in _found(r"FROM '@([\w$]+(?:\.[\w$]+)*)", statement):
            yield Grant("READ", "STAGE", stage)
        for warehouse in _found(r"QUERY_WAREHOUSE = ([\w$]+)", statement):
            yield Grant("USAGE", "WAREHOUSE", warehouse)

    return needed


def _inside(schema: str) -> Iterator[Grant]:
    if schema:
        yield Grant("USAGE", "SCHEMA", schema)
    if "." in schema:
        yield Grant("USAGE", "DATABASE", schema.partition(".")[0])


def _found(pattern: str, statement: str) -> list[str]:
    return sorted({name.upper() for name in re.findall(pattern, statement)})


def _on(privilege: str, kind: str) -> Callable[[str, str], Iterator[Grant]]:
    def needed(statement: str, name: str) -> Iterator[Grant]:
        del statement
        yield Grant(privilege, kind, name)
        if kind != "COMPUTE POOL":
            yield from _inside(name.rpartition(".")[0])

    return needed


_NEEDED: Final[Sequence[tuple[str, Callable[..., Iterator[Grant]]]]] = (
    (r"CREATE COMPUTE POOL ", lambda statement: iter([Grant("CREATE COMPUTE POOL", "ACCOUNT")])),
    (rf"ALTER COMPUTE POOL (?:IF EXISTS )?{_NAME} SET ", _on("MODIFY", "COMPUTE POOL")),
    (rf"ALTER COMPUTE POOL (?:IF EXISTS )?{_NAME} (?:SUSPEND|RESUME|STOP ALL)", _on("OPERATE", "COMPUTE POOL")),
    (rf"DROP COMPUTE POOL (?:IF EXISTS )?{_NAME}", _on("OWNERSHIP", "COMPUTE POOL")),
    (rf"DESCRIBE COMPUTE POOL {_NAME}", _on("MONITOR", "COMPUTE POOL")),
    (rf"CREATE SERVICE (?:IF NOT EXISTS )?{_NAME}\s+IN COMPUTE POOL {_NAME}", _create_service),
    (rf"ALTER SERVICE {_NAME} (?:SUSPEND|RESUME)", _on("OPERATE", "SERVICE")),
    (rf"(?:ALTER SERVICE|DROP SERVICE(?: IF EXISTS)?) {_NAME}", _on("OWNERSHIP", "SERVICE")),
    (rf"(?:DESCRIBE SERVICE|SHOW ENDPOINTS IN SERVICE) {_NAME}", _on("USAGE", "SERVICE")),
    (rf"SHOW SERVICE (?:CONTAINERS|INSTANCES) IN SERVICE {_NAME}", _on("MONITOR", "SERVICE")),
    (r"SELECT SYSTEM\$GET_SERVICE_LOGS\('([A-Z0-9_$.]+)'", _on("MONITOR", "SERVICE")),
    (rf"SHOW SERVICES .*IN SCHEMA {_NAME}", lambda statement, schema: _inside(schema)),
    (rf"CREATE STAGE (?:IF NOT EXISTS )?{_NAME}", _create_in("CREATE STAGE")),
    (rf"CREATE OR REPLACE STREAMLIT {_NAME}", _create_in("CREATE STREAMLIT")),
    (rf"(?:ALTER|DROP) STREAMLIT (?:IF EXISTS )?{_NAME}", _on("OWNERSHIP", "STREAMLIT")),
    (rf"PUT .*{_STAGE}", _on("READ, WRITE", "STAGE")),
    (rf"REMOVE {_STAGE}", _on("READ, WRITE", "STAGE")),
    (rf"(?:GET|LIST) {_STAGE}", _on("READ", "STAGE")),
)
"""Beginning of a statement → what it needs; the first that fits counts."""
_MADE_BY: Final = {
    "STAGE": "CREATE STAGE IF NOT EXISTS {name} ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') DIRECTORY = (ENABLE = TRUE);",
    "IMAGE REPOSITORY": "CREATE IMAGE REPOSITORY IF NOT EXISTS {name};",
}
"""What makes an object that is not there."""
_KINDS: Final = "account|schema|database|compute pool|image repository|stage|integration|warehouse|service|streamlit"
_NAMED: Final = re.compile(rf"\b({_KINDS})\b '([^']*)'", re.IGNORECASE)


def needed(statement: str, message: str) -> list[Grant]:
    """The privileges of which a refused statement lacked one: as few as Snowflake's message lets us know.

    :returns: none for a statement that is not listed here.
    """
    for pattern, needs in _NEEDED:
        if match := re.match(pattern, statement):
            grants = list(needs(statement, *match.groups()))
            if named := _NAMED.search(message):
                kind, name = named[1].upper(), named[2].rpartition(".")[2]
                of_kind = [each for each in grants if each.kind == kind]
                grants = [each for each in of_kind if each.name.rpartition(".")[2] == name] or of_kind or grants
            return grants
    return []


class ExplainingSession:
    """A session whose refusals say what mends them.

    :param session: executes the statements.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._role = ""

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        """See :class:`~airflow_provider_raydp_spcs.spcs.session.Session`."""
        try:
            return self._session.execute(sql, params)
        except InsufficientPrivilegesError as error:
            grants = needed(sql, str(error))
            if not grants:
                raise
            what = "this privilege" if len(grants) == 1 else "one of these privileges"
            told = f"{error}\nThe role lacks {what}; let an administrator or the owner run:\n{self._statements(grants)}"
            raise InsufficientPrivilegesError(told, error.number, error.sqlstate) from error
        except ObjectDoesNotExistError as error:
            grants = needed(sql, str(error))
            # That a service is not there is known to whoever asks for it, and often expected.
            if not grants or grants[0].kind == "SERVICE":
                raise
            made = [_MADE_BY[each.kind].format(name=each.name) for each in grants if each.kind in _MADE_BY]
            make = "\n".join(["\nMake it, as sql/step1_user_setup.sql does:", *made]) if made else ""
            told = f"{error}{make}\nWhere it exists, let its owner run:\n{self._statements(grants)}"
            raise ObjectDoesNotExistError(told, error.number, error.sqlstate) from error

    def _statements(self, grants: Sequence[Grant]) -> str:
        if not self._role:
            try:
                (row,) = self._session.execute("SELECT CURRENT_ROLE() AS R")
                self._role = str(row["r"] or "<role>")
            except (SpcsError, ValueError, KeyError):
                self._role = "<role>"
        return "\n".join(each.statement(self._role) for each in grants)
