"""CREATE, ALTER, DROP, DESCRIBE SECRET and SHOW SECRETS (SPCS reference 3.1 and part 7).

Values are kept, for containers are given them, in the store that only its owner reads; no statement tells them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import invalid_value
from airflow_provider_raydp_spcs.local.sql import properties as p
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, reads
from airflow_provider_raydp_spcs.local.sql.scope import full_name
from airflow_provider_raydp_spcs.local.sql.statements.administration import read_drop
from airflow_provider_raydp_spcs.local.sql.statements.compute_pools import ShowFilters, read_filters
from airflow_provider_raydp_spcs.local.sql.tables import answer_of
from airflow_provider_raydp_spcs.local.wire.answers import Answer, status

KIND: Final = "Secret"
_FIELDS: Final = {
    "GENERIC_STRING": ("SECRET_STRING",),
    "PASSWORD": ("USERNAME", "PASSWORD"),
    "SYMMETRIC_KEY": ("ALGORITHM",),
    "OAUTH2": ("API_AUTHENTICATION", "OAUTH_SCOPES", "OAUTH_REFRESH_TOKEN", "OAUTH_REFRESH_TOKEN_EXPIRY_TIME"),
}
"""Types of secrets, with what each of them has."""
_NEEDED: Final = {"GENERIC_STRING": ("SECRET_STRING",), "PASSWORD": ("USERNAME", "PASSWORD")}
_READERS: Final[dict[str, p.Reader]] = {
    "TYPE": p.value,
    "OAUTH_SCOPES": Cursor.texts,
    "API_AUTHENTICATION": Cursor.name,
    "COMMENT": p.text,
    **dict.fromkeys(
        ("SECRET_STRING", "USERNAME", "PASSWORD", "OAUTH_REFRESH_TOKEN", "OAUTH_REFRESH_TOKEN_EXPIRY_TIME"), p.text
    ),
    "ALGORITHM": p.value,
}


def _check(kind: str, values: dict[str, Any]) -> None:
    """A secret has what its type has, and nothing else.

    :raises SnowflakeFault: it has not.
    """
    for name in values:
        if name not in (*_FIELDS[kind], "TYPE", "COMMENT"):
            raise invalid_value(f"invalid property '{name}' for a secret of TYPE = {kind}")


@dataclass(frozen=True, repr=False)
class CreateSecret:
    name: str
    values: dict[str, Any]
    replace: bool
    if_not_exists: bool

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "CREATE SECRET")
        context.needs_to_create(KIND, name, replace=self.replace)
        kind = str(self.values.get("TYPE", "")).upper()
        if kind not in _FIELDS:
            raise invalid_value(f"invalid value '{kind}' for property 'TYPE'; allowed are {', '.join(_FIELDS)}")
        _check(kind, self.values)
        if lacking := [each for each in _NEEDED.get(kind, ()) if each not in self.values]:
            raise invalid_value(f"missing property '{lacking[0]}' for a secret of TYPE = {kind}")
        body = {**self.values, "TYPE": kind, "owner": context.session.role}
        how = {"replace": self.replace, "if_not_exists": self.if_not_exists}
        short = name.rpartition(".")[2]
        if not context.catalogue.create(KIND, name, body, **how):
            return status(f"{short} already exists, statement succeeded.")
        return status(f"Secret {short} successfully created.")


def _create(cursor: Cursor, *, replace: bool) -> Statement:
    if_not_exists = cursor.if_not_exists()
    return CreateSecret(cursor.name(), p.read_properties(cursor, _READERS), replace, if_not_exists)


@reads("CREATE SECRET")
def create(cursor: Cursor) -> Statement:
    return _create(cursor, replace=False)


@reads("CREATE OR REPLACE SECRET")
def replace(cursor: Cursor) -> Statement:
    return _create(cursor, replace=True)


@dataclass(frozen=True, repr=False)
class AlterSecret:
    name: str
    values: dict[str, Any]
    if_exists: bool

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "ALTER SECRET")
        if not (self.if_exists and not context.catalogue.has(KIND, name)):
            context.needs("OWNERSHIP", KIND, name)
            _check(str(context.catalogue.get(KIND, name)["TYPE"]), self.values)
            context.catalogue.change(KIND, name, **self.values)
        return status("Statement executed successfully.")


@reads("ALTER SECRET")
def alter(cursor: Cursor) -> Statement:
    if_exists = cursor.if_exists()
    name = cursor.name()
    if cursor.take("UNSET"):
        return AlterSecret(name, dict.fromkeys(p.read_unset(cursor, {"COMMENT": p.text})), if_exists)
    cursor.expect("SET")
    readers = {name: reader for name, reader in _READERS.items() if name != "TYPE"}
    return AlterSecret(name, p.read_properties(cursor, readers), if_exists)


@reads("DROP SECRET")
def drop(cursor: Cursor) -> Statement:
    return read_drop(cursor, KIND, "DROP SECRET")


def _row(full: str, body: dict[str, Any]) -> dict[str, Any]:
    database, schema, name = full.split(".")
    return {
        "created_on": body["created_on"],
        "name": name,
        "schema_name": schema,
        "database_name": database,
        "owner": body["owner"],
        "comment": body.get("COMMENT"),
        "secret_type": body["TYPE"],
        "oauth_scopes": f"[{', '.join(body['OAUTH_SCOPES'])}]" if body.get("OAUTH_SCOPES") else None,
        "owner_role_type": "ROLE",
        "username": body.get("USERNAME"),
        "oauth_refresh_token_expiry_time": body.get("OAUTH_REFRESH_TOKEN_EXPIRY_TIME"),
        "integration_name": body.get("API_AUTHENTICATION"),
    }


@dataclass(frozen=True)
class DescribeSecret:
    name: str

    def run(self, context: Context) -> Answer:
        name = full_name(self.name, context.session, "DESCRIBE SECRET")
        context.needs("USAGE", KIND, name)
        return answer_of("secret", [_row(name, context.catalogue.get(KIND, name))])


@reads("DESC SECRET", "DESCRIBE SECRET")
def describe(cursor: Cursor) -> Statement:
    name = cursor.name()
    cursor.end()
    return DescribeSecret(name)


@dataclass(frozen=True)
class ShowSecrets:
    filters: ShowFilters
    inside: str

    def run(self, context: Context) -> Answer:
        inside = self.inside
        if inside and "." not in inside and not context.catalogue.has("Database", inside):
            inside = f"{context.session.database}.{inside}"
        rows = [
            _row(name, body)
            for name, body in context.catalogue.all(KIND)
            if context.sees(KIND, name) and (not inside or name.startswith(f"{inside}."))
        ]
        return answer_of("secrets", self.filters.apply(rows))


@reads("SHOW SECRETS")
def show(cursor: Cursor) -> Statement:
    filters, inside = read_filters(cursor), ""
    if cursor.take("IN") and not cursor.take("ACCOUNT"):
        _ = cursor.take("DATABASE") or cursor.take("SCHEMA")
        inside = cursor.name()
    filters = read_filters(cursor, filters)
    cursor.end()
    return ShowSecrets(filters, inside)
