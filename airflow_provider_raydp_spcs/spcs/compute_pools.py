"""Compute pools: the nodes on which services run (SPCS reference, part 1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from airflow_provider_raydp_spcs.spcs import rows, sql
from airflow_provider_raydp_spcs.spcs.instance_families import instance_family
from airflow_provider_raydp_spcs.spcs.session import Row, Session

MAX_NODES = 500
"""The greatest default limit of nodes of any family."""


class ComputePoolState(StrEnum):
    """States of a compute pool (reference 1.2)."""

    STARTING = "STARTING"
    IDLE = "IDLE"
    ACTIVE = "ACTIVE"
    RESIZING = "RESIZING"
    STOPPING = "STOPPING"
    SUSPENDED = "SUSPENDED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> ComputePoolState:
        return cls.UNKNOWN


ASLEEP: Final = frozenset({ComputePoolState.STOPPING, ComputePoolState.SUSPENDED})
"""The pool has no nodes until it is resumed, or soon will have none."""


@dataclass(frozen=True)
class ComputePool:
    """What is asked for.

    :param auto_suspend_secs: idle seconds after which the nodes are released; 0 never.
    :raises InvalidIdentifierError, UnknownInstanceFamilyError, InvalidValueError: at construction.
    """

    name: str
    instance_family: str
    min_nodes: int = 1
    max_nodes: int = 1
    auto_resume: bool = True
    auto_suspend_secs: int = 3600
    comment: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sql.dns_identifier(self.name, "compute pool name")
        family = instance_family(self.instance_family)
        limit = family.node_limit or MAX_NODES
        sql.count(self.min_nodes, f"min_nodes of {self.name}", minimum=1, maximum=limit)
        sql.count(self.max_nodes, f"max_nodes of {self.name}", minimum=self.min_nodes, maximum=limit)
        sql.count(self.auto_suspend_secs, f"auto_suspend_secs of {self.name}", minimum=0, maximum=31_536_000)


@dataclass(frozen=True)
class ComputePoolInfo:
    """What SHOW COMPUTE POOLS tells of one pool; ``error_code`` and ``status_message`` come from DESCRIBE only.

    :param created_on: with time zone.
    """

    name: str
    state: ComputePoolState
    min_nodes: int
    max_nodes: int
    instance_family: str
    num_services: int
    active_nodes: int
    idle_nodes: int
    target_nodes: int
    auto_suspend_secs: int
    owner: str
    comment: str
    error_code: str | None = None
    status_message: str | None = None
    created_on: dt.datetime | None = None

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Read a row of SHOW or DESCRIBE."""
        return cls(
            name=rows.text(row, "name"),
            state=ComputePoolState(rows.text(row, "state")),
            min_nodes=rows.number(row, "min_nodes"),
            max_nodes=rows.number(row, "max_nodes"),
            instance_family=rows.text(row, "instance_family"),
            num_services=rows.number(row, "num_services"),
            active_nodes=rows.number(row, "active_nodes"),
            idle_nodes=rows.number(row, "idle_nodes"),
            target_nodes=rows.number(row, "target_nodes"),
            auto_suspend_secs=rows.number(row, "auto_suspend_secs"),
            owner=rows.text(row, "owner"),
            comment=rows.text(row, "comment"),
            error_code=rows.optional(row, "error_code"),
            status_message=rows.optional(row, "status_message"),
            created_on=rows.moment(row, "created_on"),
        )


class ComputePools:
    """Statements about compute pools."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, pool: ComputePool, *, if_not_exists: bool = True) -> None:
        """Ask for a pool; returns at once, its nodes come later."""
        parts = [
            f"CREATE COMPUTE POOL {'IF NOT EXISTS ' if if_not_exists else ''}{sql.identifier(pool.name)}",
            f"MIN_NODES = {pool.min_nodes}",
            f"MAX_NODES = {pool.max_nodes}",
            f"INSTANCE_FAMILY = {instance_family(pool.instance_family).name}",
            f"AUTO_RESUME = {sql.boolean(pool.auto_resume)}",
            f"AUTO_SUSPEND_SECS = {pool.auto_suspend_secs}",
        ]
        if pool.tags:
            parts.append(f"WITH TAG {sql.tags(pool.tags)}")
        if pool.comment is not None:
            parts.append(f"COMMENT = {sql.literal(pool.comment)}")
        self._session.execute("\n  ".join(parts))

    def alter(
        self,
        name: str,
        *,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        auto_suspend_secs: int | None = None,
        comment: str | None = None,
    ) -> None:
        """Change properties; those left None stay."""
        parts = []
        for key, value in (("MIN_NODES", min_nodes), ("MAX_NODES", max_nodes)):
            if value is not None:
                parts.append(f"{key} = {sql.count(value, key, minimum=1, maximum=MAX_NODES)}")
        if auto_suspend_secs is not None:
            seconds = sql.count(auto_suspend_secs, "AUTO_SUSPEND_SECS", minimum=0, maximum=31_536_000)
            parts.append(f"AUTO_SUSPEND_SECS = {seconds}")
        if comment is not None:
            parts.append(f"COMMENT = {sql.literal(comment)}")
        if parts:
            self._session.execute(f"ALTER COMPUTE POOL {_name(name)} SET {' '.join(parts)}")

    def suspend(self, name: str) -> None:
        """Suspend the services of the pool and release its nodes."""
        self._session.execute(f"ALTER COMPUTE POOL {_name(name)} SUSPEND")

    def resume(self, name: str) -> None:
        """Bring the nodes back."""
        self._session.execute(f"ALTER COMPUTE POOL {_name(name)} RESUME")

    def stop_all(self, name: str) -> None:
        """Drop every service and cancel every job of the pool, their block volumes included."""
        self._session.execute(f"ALTER COMPUTE POOL IF EXISTS {_name(name)} STOP ALL")

    def drop(self, name: str, *, if_exists: bool = True) -> None:
        """Drop the pool; Snowflake refuses while services exist on it."""
        self._session.execute(f"DROP COMPUTE POOL {'IF EXISTS ' if if_exists else ''}{_name(name)}")

    def describe(self, name: str) -> ComputePoolInfo:
        """One pool, with its error code and status message.

        :raises ObjectDoesNotExistError: there is none of this name.
        """
        return ComputePoolInfo.from_row(self._session.execute(f"DESCRIBE COMPUTE POOL {_name(name)}")[0])

    def show(self, prefix: str = "") -> list[ComputePoolInfo]:
        """The pools that the role may see, whose name starts with ``prefix``."""
        like = f" LIKE {sql.like(prefix.upper())}" if prefix else ""
        found = map(ComputePoolInfo.from_row, self._session.execute(f"SHOW COMPUTE POOLS{like}"))
        return [pool for pool in found if pool.name.startswith(prefix.upper())]


def _name(name: str) -> str:
    return sql.identifier(name, "compute pool name")
