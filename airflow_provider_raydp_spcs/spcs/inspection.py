"""What is there and who may use it, by SHOW and DESCRIBE: for whoever looks whether an account is set up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.image_repositories import ImageRepositories
from airflow_provider_raydp_spcs.spcs.privileges import Grant
from airflow_provider_raydp_spcs.spcs.session import Session

MAX_ROLES = 200
"""How many roles are looked at that a role inherits from; Snowflake sets no limit."""


@dataclass(frozen=True)
class Surroundings:
    """What a session has; None for what it has not, or may not use."""

    user: str
    role: str
    warehouse: str | None
    database: str | None
    schema: str | None


@dataclass(frozen=True)
class WarehouseInfo:
    """One row of SHOW WAREHOUSES."""

    name: str
    state: str
    auto_resume: bool


@dataclass(frozen=True)
class ImageInfo:
    """One row of SHOW IMAGES."""

    name: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class IntegrationInfo:
    """One row of SHOW INTEGRATIONS."""

    name: str
    enabled: bool


class Inspection:
    """Statements that only look."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def surroundings(self) -> Surroundings:
        """What the session has."""
        (row,) = self._session.execute(
            "SELECT CURRENT_USER() AS U, CURRENT_ROLE() AS R, CURRENT_WAREHOUSE() AS W, CURRENT_DATABASE() AS D, "
            "CURRENT_SCHEMA() AS S"
        )
        optional = {key: rows.optional(row, key) for key in ("w", "d", "s")}
        return Surroundings(rows.text(row, "u"), rows.text(row, "r"), optional["w"], optional["d"], optional["s"])

    def roles(self, role: str) -> tuple[str, ...]:
        """A role and the roles that are granted to it, directly or by way of others."""
        found: list[str] = []
        left = [role]
        while left and len(found) < MAX_ROLES:
            each = left.pop(0)
            if each not in found:
                found.append(each)
                left += [grant.name for grant in self.grants(each) if grant.kind == "ROLE"]
        return tuple(found)

    def grants(self, role: str) -> list[Grant]:
        """The privileges that were granted to a role itself; what it owns has OWNERSHIP."""
        return list(self._grants(role))

    def _grants(self, role: str) -> Iterator[Grant]:
        for row in self._session.execute(f"SHOW GRANTS TO ROLE {sql.identifier(role, 'role')}"):
            kind = rows.text(row, "granted_on").replace("_", " ").upper()
            name = "" if kind == "ACCOUNT" else rows.text(row, "name").upper()
            yield Grant(rows.text(row, "privilege").upper(), kind, name)

    def warehouse(self, name: str) -> WarehouseInfo | None:
        """A warehouse, or None where there is none or the role may not see it."""
        own = sql.identifier(name, "warehouse")
        for row in self._session.execute(f"SHOW WAREHOUSES LIKE {sql.like(own)}"):
            if rows.text(row, "name") == own:
                return WarehouseInfo(own, rows.text(row, "state"), rows.truth(row, "auto_resume"))
        return None

    def stages(self, schema: str) -> frozenset[str]:
        """Names of the stages of a schema (``database.schema``) that the role may see."""
        return self._names(f"SHOW STAGES IN SCHEMA {sql.qualified(schema, 'schema')}", schema)

    def image_repositories(self, schema: str) -> frozenset[str]:
        """Names of its image repositories, likewise."""
        return self._names(f"SHOW IMAGE REPOSITORIES IN SCHEMA {sql.qualified(schema, 'schema')}", schema)

    def images(self, repository: str) -> list[ImageInfo]:
        """The images of a repository, one entry for each name with all its tags.

        :raises ObjectDoesNotExistError: there is no such repository, or the role may not see it.
        """
        tags: dict[str, list[str]] = {}
        for image in ImageRepositories(self._session).images(repository):
            tags.setdefault(image.name, []).extend(image.tag.split())
        return [ImageInfo(name, tuple(found)) for name, found in tags.items()]

    def integration(self, name: str) -> IntegrationInfo | None:
        """An integration, or None where there is none or the role may not see it."""
        own = sql.identifier(name, "integration")
        for row in self._session.execute(f"SHOW INTEGRATIONS LIKE {sql.like(own)}"):
            if rows.text(row, "name") == own:
                return IntegrationInfo(own, rows.truth(row, "enabled"))
        return None

    def instance_families(self) -> frozenset[str]:
        """Names of the instance families that there are where the account is."""
        found = self._session.execute("SHOW COMPUTE POOL INSTANCE FAMILIES")
        return frozenset(rows.text(row, "name") for row in found)

    def _names(self, statement: str, schema: str) -> frozenset[str]:
        database, _, own = schema.upper().rpartition(".")
        return frozenset(
            rows.text(row, "name")
            for row in self._session.execute(statement)
            if rows.text(row, "schema_name") == own and rows.text(row, "database_name") in (database, "")
        )
