"""Services (SPCS reference, part 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.local.errors import does_not_exist, invalid_spec, unsupported
from airflow_provider_raydp_spcs.local.security.access import ACCOUNT
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.statements.stages import Location
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status
from airflow_provider_raydp_spcs.spcs.errors import InvalidSpecificationError
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification

_KIND = "Service"
_DONE = "Statement executed successfully."
_SET: dict[str, p.Reader] = {
    "MIN_INSTANCES": p.at_least(1, "MIN_INSTANCES"),
    "MAX_INSTANCES": p.at_least(1, "MAX_INSTANCES"),
    "MIN_READY_INSTANCES": p.at_least(0, "MIN_READY_INSTANCES"),
    "AUTO_RESUME": Cursor.boolean,
    "AUTO_SUSPEND_SECS": p.at_least(0, "AUTO_SUSPEND_SECS"),
    "EXTERNAL_ACCESS_INTEGRATIONS": Cursor.names,
    "QUERY_WAREHOUSE": Cursor.name,
    "LOG_LEVEL": p.value,
    "COMMENT": p.text,
}


@dataclass(frozen=True)
class Source:
    """Where a specification comes from: a text, or a file on a stage."""

    text: str | None = None
    location: Location | None = None
    file: str | None = None

    def read(self, context: Context) -> str:
        """The specification's text.

        :raises SnowflakeFault: there is no such file.
        """
        if self.text is not None:
            return self.text
        if self.location is None or self.file is None:
            raise unsupported("a specification without a stage")
        stage = self.location.stage_in(context, "CREATE SERVICE")
        path = context.files.inside(context.files.folder(stage), f"{self.location.path}/{self.file}")
        if not path.is_file():
            raise does_not_exist("File", f"@{stage}/{self.location.path}/{self.file}".replace("//", "/"))
        return path.read_text()


def _source(cursor: Cursor) -> Source:
    """What stands after FROM."""
    if cursor.take("SPECIFICATION"):
        if cursor.words(1) == ("USING",):
            raise unsupported("SPECIFICATION … USING")
        return Source(text=cursor.text())
    if cursor.words(1) in (("SPECIFICATION_TEMPLATE",), ("SPECIFICATION_TEMPLATE_FILE",)):
        raise unsupported("SPECIFICATION_TEMPLATE")
    location = Location.read(cursor)
    if not (cursor.take("SPECIFICATION_FILE") or cursor.take("SPEC")):
        if cursor.words(1) == ("SPECIFICATION_TEMPLATE_FILE",):
            raise unsupported("SPECIFICATION_TEMPLATE_FILE")
        raise cursor.fault()
    cursor.expect("=")
    return Source(location=location, file=cursor.text())


def _check_properties(context: Context, values: dict[str, Any]) -> None:
    """Integrations and warehouse must be there, and the role's to use."""
    for integration in values.get("EXTERNAL_ACCESS_INTEGRATIONS") or ():
        context.needs("USAGE", "Integration", integration)
        context.catalogue.get("Integration", integration)
    if values.get("QUERY_WAREHOUSE"):
        context.needs("USAGE", "Warehouse", values["QUERY_WAREHOUSE"])
        context.catalogue.get("Warehouse", values["QUERY_WAREHOUSE"])


def _check_specification(context: Context, text: str) -> None:
    """What a specification names must be the role's to use; a public endpoint is a right on the account.

    :raises SnowflakeFault: it is not. What breaks a rule of specifications is for others to say.
    """
    try:
        specification = ServiceSpecification.from_yaml(text)
    except InvalidSpecificationError as error:
        raise invalid_spec(str(error)) from error
    if any(endpoint.public for endpoint in specification.endpoints):
        context.needs("BIND SERVICE ENDPOINT", ACCOUNT)
    for container in specification.containers:
        parts = container.image.partition("/")[2].upper().split("/")
        if len(parts) > 3:
            context.needs("READ", "Image repository", ".".join(parts[:3]))
    for volume in specification.volumes:
        if volume.source == "stage" and volume.stage:
            stage = volume.stage.removeprefix("@").partition("/")[0].upper()
            context.needs("READ", "Stage", full_name(stage, context.session, "CREATE SERVICE"))


@dataclass(frozen=True)
class CreateService:
    name: str
    if_not_exists: bool
    pool: str
    source: Source
    values: dict[str, Any]

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "CREATE SERVICE")
        context.needs_to_create(_KIND, name)
        context.needs("USAGE", "Compute pool", self.pool)
        _check_properties(context, self.values)
        text = self.source.read(context)
        _check_specification(context, text)
        platform, role = context.platform, context.session.role
        return status(
            platform.create_service(name, self.pool, text, self.values, role, if_not_exists=self.if_not_exists)
        )


@reads("CREATE SERVICE")
def create(cursor: Cursor) -> Statement:
    if_not_exists = cursor.if_not_exists()
    name = cursor.name()
    pool: list[str] = []
    source: list[Source] = []

    def read_pool(at: Cursor) -> None:
        at.expect("COMPUTE", "POOL")
        pool.append(at.name())

    values = p.read_properties(cursor, {**_SET, "IN": read_pool, "FROM": lambda at: source.append(_source(at))})
    if len(pool) != 1 or len(source) != 1:
        raise cursor.fault()
    for key in ("IN", "FROM"):
        values.pop(key, None)
    return CreateService(name, if_not_exists, pool[0], source[0], values)


@dataclass(frozen=True)
class AlterService:
    name: str
    if_exists: bool
    action: str
    values: dict[str, Any]
    source: Source | None = None

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "ALTER SERVICE")
        platform = context.platform
        if self.if_exists and not platform.has_service(name):
            return status(_DONE)
        context.needs("OWNERSHIP" if self.action == "SET" else "OPERATE", _KIND, name)
        if self.action == "SUSPEND":
            platform.suspend_service(name)
        elif self.action == "RESUME":
            platform.resume_service(name)
        elif self.source is not None:
            text = self.source.read(context)
            _check_specification(context, text)
            platform.replace_specification(name, text)
        else:
            _check_properties(context, self.values)
            platform.alter_service(name, self.values)
        return status(_DONE)


@reads("ALTER SERVICE")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("SET"):
        return AlterService(name, if_exists, "SET", p.read_properties(cursor, _SET))
    if cursor.take("UNSET"):
        defaults: dict[str, Any] = {"COMMENT": None, "QUERY_WAREHOUSE": None, "EXTERNAL_ACCESS_INTEGRATIONS": []}
        return AlterService(name, if_exists, "SET", {key: defaults[key] for key in p.read_unset(cursor, defaults)})
    if cursor.take("FROM"):
        source = _source(cursor)
        cursor.end()
        return AlterService(name, if_exists, "FROM", {}, source)
    action = cursor.word()
    cursor.end()
    if action not in ("SUSPEND", "RESUME"):
        raise unsupported(f"ALTER SERVICE … {action}")
    return AlterService(name, if_exists, action, {})


@dataclass(frozen=True)
class DropService:
    name: str
    if_exists: bool
    force: bool

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "DROP SERVICE")
        if context.platform.has_service(name):
            context.needs("OWNERSHIP", _KIND, name)
        done = status(context.platform.drop_service(name, if_exists=self.if_exists, force=self.force))
        context.access.forget(_KIND, name)
        return done


@reads("DROP SERVICE")
def drop(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    force = cursor.take("FORCE")
    cursor.end()
    return DropService(name, if_exists, force)


@dataclass(frozen=True)
class ShowServices:
    filters: ShowFilters
    scope: tuple[str, str | None]

    def run(self, context: Context) -> Answer:
        kind, name = self.scope
        outer = name or context.session.database
        if kind in ("DATABASE", "SCHEMA") and outer:
            context.needs("USAGE", "Database", outer.partition(".")[0])
        if kind == "SCHEMA" and name and context.session.database:
            context.needs("USAGE", "Schema", name if "." in name else f"{context.session.database}.{name}")
        rows = self.filters.apply(context.platform.show_services())
        return answer_of("services", [row for row in rows if self._is_shown(row, context)])

    def _is_shown(self, row: dict[str, Any], context: Context) -> bool:
        full = f"{row['database_name']}.{row['schema_name']}.{row['name']}"
        return self._in_scope(row, context) and context.sees(_KIND, full)

    def _in_scope(self, row: dict[str, Any], context: Context) -> bool:
        kind, name = self.scope
        session = context.session
        if kind == "COMPUTE POOL":
            return bool(row["compute_pool"] == name)
        if kind == "ACCOUNT" or (not kind and session.database is None):
            return True
        if kind == "DATABASE":
            return bool(row["database_name"] == (name or session.database))
        database, _, schema = (name or f"{session.database}.{session.schema}").rpartition(".")
        return bool(row["schema_name"] == schema and row["database_name"] == (database or session.database))


@reads("SHOW SERVICES", "SHOW SERVICES EXCLUDE JOBS")
def show(cursor: Cursor) -> Statement:
    filters = read_filters(cursor)
    scope: tuple[str, str | None] = ("", None)
    if cursor.take("IN"):
        if cursor.take("COMPUTE", "POOL"):
            scope = ("COMPUTE POOL", cursor.name())
        else:
            kind = next((kind for kind in ("ACCOUNT", "DATABASE", "SCHEMA") if cursor.take(kind)), "SCHEMA")
            named = cursor.words(1) not in ((), ("LIKE",), ("STARTS",), ("LIMIT",))
            scope = (kind, cursor.name() if named and kind != "ACCOUNT" else None)
    filters = read_filters(cursor, filters)
    cursor.end()
    return ShowServices(filters, scope)


@dataclass(frozen=True)
class OfService:
    """DESCRIBE SERVICE and the SHOW statements about one service."""

    table: str
    name: str

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "SHOW")
        monitored = self.table in ("containers", "instances")
        context.needs("MONITOR" if monitored else "USAGE", _KIND, name)
        platform = context.platform
        readers = {
            "service": lambda: [platform.describe_service(name)],
            "containers": lambda: platform.show_containers(name),
            "instances": lambda: platform.show_instances(name),
            "endpoints": lambda: platform.show_endpoints(name),
            "service roles": lambda: platform.show_roles(name),
        }
        return answer_of(self.table, readers[self.table]())


def _of_service(cursor: Cursor, table: str) -> Statement:
    name = cursor.name()
    cursor.end()
    return OfService(table, name)


@reads("DESC SERVICE", "DESCRIBE SERVICE")
def describe(cursor: Cursor) -> Statement:
    return _of_service(cursor, "service")


@reads("SHOW SERVICE CONTAINERS IN SERVICE")
def containers(cursor: Cursor) -> Statement:
    return _of_service(cursor, "containers")


@reads("SHOW SERVICE INSTANCES IN SERVICE")
def instances(cursor: Cursor) -> Statement:
    return _of_service(cursor, "instances")


@reads("SHOW ENDPOINTS IN SERVICE")
def endpoints(cursor: Cursor) -> Statement:
    return _of_service(cursor, "endpoints")


@reads("SHOW ROLES IN SERVICE")
def roles(cursor: Cursor) -> Statement:
    return _of_service(cursor, "service roles")
