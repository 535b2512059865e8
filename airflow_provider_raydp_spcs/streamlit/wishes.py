"""What is typed into the form, and the configuration that it makes; what is wrong with it stands at its field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, MonitoringConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.errors import SpcsError

HOUR: Final = 3600
MINUTE: Final = 60
KEEP: Final = "nothing"
"""Stands for no idle action."""


@dataclass(frozen=True)
class GroupWish:
    """One worker group, as typed."""

    name: str = "worker"
    instance_family: str = "CPU_X64_S"
    count: int = 2


@dataclass(frozen=True)
class Wish:
    """A whole cluster, as typed.

    :param life_hours: 0 for no limit.
    :param idle_minutes: after which ``idle_action`` is done.
    """

    name: str = ""
    head_family: str = "CPU_X64_S"
    groups: Sequence[GroupWish] = (GroupWish(),)
    warehouse: str = ""
    integrations: str = ""
    monitoring: bool = False
    notebook: bool = False
    life_hours: int = 8
    idle_action: str = "suspend"
    idle_minutes: int = 60


@dataclass
class Checked:
    """What became of a wish.

    :param config: None where there are problems.
    :param problems: field → what is wrong; fields of the n-th group start with ``group_n_``. ``""`` is the whole.
    """

    config: ClusterConfig | None = None
    problems: dict[str, str] = field(default_factory=dict)


def check(wish: Wish) -> Checked:
    """The configuration, or what is wrong, at its field."""
    found = Checked()
    name = wish.name.strip()
    if not name:
        found.problems["name"] = "Give the cluster a name: letters, digits and underscores."
    else:
        _try(found, "name", lambda: ClusterConfig(name))
    for number, group in enumerate(wish.groups):
        _check_group(found, number, group, [each.name.strip().upper() for each in wish.groups[:number]])
    if wish.warehouse.strip():
        _try(found, "warehouse", lambda: sql.identifier(wish.warehouse.strip(), "warehouse"))
    for integration in split(wish.integrations):
        _try(found, "integrations", lambda each=integration: sql.qualified(each, "integration"))  # type: ignore[misc]
    if not found.problems:
        _try(found, "", lambda: setattr(found, "config", _config(wish)))
    return found


def wish_of(config: ClusterConfig) -> Wish:
    """What would have been typed for a configuration."""
    return Wish(
        name=config.name,
        head_family=config.head.family.name,
        groups=tuple(GroupWish(each.name, each.family.name, each.count) for each in config.worker_groups),
        warehouse=config.query_warehouse or "",
        integrations=", ".join(config.external_access_integrations),
        monitoring=bool(config.monitoring),
        notebook=config.notebook,
        life_hours=0 if config.max_life_seconds is None else max(1, config.max_life_seconds // HOUR),
        idle_action=KEEP if config.max_idle_seconds is None else config.idle_action,
        idle_minutes=60 if config.max_idle_seconds is None else max(1, config.max_idle_seconds // MINUTE),
    )


def split(text: str) -> list[str]:
    """The names in a text with commas or spaces between them."""
    return text.replace(",", " ").split()


def _check_group(found: Checked, number: int, group: GroupWish, before: Sequence[str]) -> None:
    name = group.name.strip()
    if not name:
        found.problems[f"group_{number}_name"] = "Give the group a name, such as gpu."
    elif name.upper() in before:
        found.problems[f"group_{number}_name"] = f"There is another group {name}; every name must be another."
    elif _try(found, f"group_{number}_name", lambda: WorkerGroup(name=name)):
        _try(
            found,
            f"group_{number}_count",
            lambda: WorkerGroup(name=name, instance_family=group.instance_family, count=group.count),
        )


def _config(wish: Wish) -> ClusterConfig:
    idle: dict[str, Any] = {}
    if wish.idle_action != KEEP:
        idle = {"max_idle_seconds": wish.idle_minutes * MINUTE, "idle_action": wish.idle_action}
    return ClusterConfig(
        wish.name.strip(),
        head=HeadConfig(wish.head_family),
        worker_groups=[
            WorkerGroup(name=each.name.strip(), instance_family=each.instance_family, count=each.count)
            for each in wish.groups
        ],
        query_warehouse=wish.warehouse.strip() or None,
        external_access_integrations=split(wish.integrations),
        monitoring=MonitoringConfig() if wish.monitoring else None,
        notebook=wish.notebook,
        max_life_seconds=wish.life_hours * HOUR or None,
        **idle,
    )


def _try(found: Checked, place: str, make: Callable[[], object]) -> bool:
    try:
        make()
    except (SpcsError, ClusterError) as error:
        found.problems.setdefault(place, str(error))
        return False
    return True
