"""A small Snowflake in memory, as the rooms above ``spcs`` see it."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_provider_raydp_spcs.spcs import sql
from airflow_provider_raydp_spcs.spcs.compute_pools import (
    ComputePool,
    ComputePoolInfo,
    ComputePoolState,
)
from airflow_provider_raydp_spcs.spcs.errors import (
    CapacityError,
    InvalidValueError,
    ObjectDoesNotExistError,
    SnowflakeUnreachableError,
    StatementFailedError,
)
from airflow_provider_raydp_spcs.spcs.leases import Lease
from airflow_provider_raydp_spcs.spcs.service_info import (
    ContainerInfo,
    ContainerStatus,
    EndpointInfo,
    ServiceInfo,
    ServiceStatus,
)
from airflow_provider_raydp_spcs.spcs.services import Service
from airflow_provider_raydp_spcs.spcs.stages import StageFile, Stages


class FakePools:
    def __init__(self, calls: list[str]) -> None:
        self.calls, self.there = calls, {}  # type: tuple[list[str], dict[str, ComputePoolInfo]]
        self.fail_on = ""
        self.in_use: set[str] = set()

    def create(self, pool: ComputePool) -> None:
        self.calls.append(f"create pool {pool.name}")
        if pool.name == self.fail_on:
            raise CapacityError("no nodes", 392507, "22000")
        values: dict[str, Any] = dict.fromkeys(("num_services", "active_nodes", "idle_nodes", "target_nodes"), 0)
        self.there[pool.name] = ComputePoolInfo(
            name=pool.name, state=ComputePoolState.IDLE, min_nodes=pool.min_nodes, max_nodes=pool.max_nodes,
            instance_family=pool.instance_family, auto_suspend_secs=pool.auto_suspend_secs, owner="R",
            comment=pool.comment or "", **values,
        )  # fmt: skip

    def alter(self, name: str, **values: Any) -> None:
        self.calls.append(f"alter pool {name} {sorted(values)}")
        self.there[name] = replace(self.there[name], **values)

    def suspend(self, name: str) -> None:
        self.calls.append(f"suspend pool {name}")
        self.there[name] = replace(self.there[name], state=ComputePoolState.SUSPENDED)

    def resume(self, name: str) -> None:
        self.calls.append(f"resume pool {name}")
        self.there[name] = replace(self.there[name], state=ComputePoolState.STARTING)

    def stop_all(self, name: str) -> None:
        self.calls.append(f"stop all {name}")
        self.in_use.discard(name)

    def drop(self, name: str) -> None:
        self.calls.append(f"drop pool {name}")
        if name in self.in_use:
            raise StatementFailedError("services still exist on it")
        self.there.pop(name, None)

    def describe(self, name: str) -> ComputePoolInfo:
        self.calls.append(f"describe pool {name}")
        return self.there[name]

    def show(self, prefix: str = "") -> list[ComputePoolInfo]:
        return [pool for name, pool in sorted(self.there.items()) if name.startswith(prefix)]


class FakeServices:
    """Services; each look at a dropped one is the last."""

    def __init__(self, calls: list[str]) -> None:
        self.calls, self.there = calls, {}  # type: tuple[list[str], dict[str, ServiceInfo]]
        self.container = ContainerInfo("S", "0", "raydp", ContainerStatus.PENDING, "Waiting to start", "i", 0, None)
        self.fail_on = ""
        self.log = "hello"

    def create(self, service: Service) -> None:
        name = service.name.rpartition(".")[2]
        self.calls.append(f"create service {name}")
        if name == self.fail_on:
            raise CapacityError("no nodes", 392507, "22000")
        self.there[name] = ServiceInfo(
            name=name, status=ServiceStatus.PENDING, database_name="D", schema_name="S", owner="R",
            compute_pool=service.compute_pool, dns_name="", current_instances=0, target_instances=service.instances,
            comment=service.comment or "", spec_digest="",
        )  # fmt: skip

    def become(self, status: ServiceStatus) -> None:
        self.there = {name: replace(info, status=status) for name, info in dict(self.there).items()}

    def alter_specification(self, name: str, specification: object) -> None:
        del specification
        self.calls.append(f"alter specification {name.rpartition('.')[2]}")

    def alter(self, name: str, **values: Any) -> None:
        short = name.rpartition(".")[2]
        self.calls.append(f"alter service {short}")
        changes = {"comment": values["comment"]} if "comment" in values else {}
        self.there[short] = replace(self.there[short], target_instances=values["instances"], **changes)

    def suspend(self, name: str) -> None:
        short = name.rpartition(".")[2]
        self.calls.append(f"suspend service {short}")
        if short == self.fail_on:
            raise SnowflakeUnreachableError("nobody there")
        self.there[short] = replace(self.there[short], status=ServiceStatus.SUSPENDED)

    def resume(self, name: str) -> None:
        short = name.rpartition(".")[2]
        self.calls.append(f"resume service {short}")
        self.there[short] = replace(self.there[short], status=ServiceStatus.PENDING)

    def drop(self, name: str, *, force: bool) -> None:
        assert force
        short = name.rpartition(".")[2]
        self.calls.append(f"drop service {short}")
        if short == self.fail_on:
            raise SnowflakeUnreachableError("nobody there")
        if short in self.there:
            self.there[short] = replace(self.there[short], status=ServiceStatus.DELETING)

    def show(self, prefix: str = "", *, schema: str) -> list[ServiceInfo]:
        assert schema == "D.S"
        found = [info for name, info in sorted(self.there.items()) if name.startswith(prefix)]
        self.there = {name: info for name, info in self.there.items() if info.status is not ServiceStatus.DELETING}
        return found

    def containers(self, name: str) -> list[ContainerInfo]:
        short = name.rpartition(".")[2]
        if short not in self.there:
            raise ObjectDoesNotExistError(short, 2003)
        return [replace(self.container, service_name=short)]

    def endpoints(self, name: str) -> list[EndpointInfo]:
        if name.rpartition(".")[2] not in self.there:
            raise ObjectDoesNotExistError(name, 2003)
        public = name.endswith("_HEAD")
        return [EndpointInfo("dashboard", 8265, public, "h.example" if public else None)]

    def logs(self, name: str, instance_id: str, container: str, *, lines: int) -> str:
        del name, instance_id, container, lines
        return self.log


class FakeStages:
    get_tree = Stages.get_tree

    def __init__(self) -> None:
        self.files_there: dict[str, str] = {}

    def put(self, source: Path, target: str) -> None:
        for file in source.parent.glob(source.name):
            assert file.is_file(), "PUT takes no folders"
            self.files_there[f"{target.removeprefix('@')}/{file.name}"] = file.read_text(errors="replace")

    def get(self, source: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files_there.items():
            if name.startswith(source.removeprefix("@")):
                (folder / name.rpartition("/")[2]).write_text(text)

    def files(self, path: str) -> list[StageFile]:
        prefix = path.removeprefix("@")
        found = [(name, text) for name, text in self.files_there.items() if name.startswith(prefix)]
        return [
            StageFile(name, len(text), hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())
            for name, text in found
        ]

    def remove(self, path: str) -> None:
        for name in [name for name in self.files_there if name.startswith(path.removeprefix("@"))]:
            del self.files_there[name]


class FakeLeases:
    """Leases in memory; nobody dies here, so none expires."""

    def __init__(self) -> None:
        self.there: dict[str, set[str]] = {}

    def acquire(self, cluster: str, holder: str, **values: Any) -> None:
        del values
        self.there.setdefault(sql.identifier(cluster), set()).add(holder)

    def release(self, cluster: str, holder: str, *, unless_last: bool = False) -> bool:
        cluster = sql.identifier(cluster)
        if unless_last and self.there.get(cluster, set()) <= {holder}:
            return bool(self.there.get(cluster))
        self.there.get(cluster, set()).discard(holder)
        return not self.there.get(cluster)

    def live(self, cluster: str) -> list[Lease]:
        return [each for each in self.all() if each.cluster == sql.identifier(cluster)]

    def all(self) -> list[Lease]:
        now = dt.datetime.now(dt.UTC)
        pairs = [(cluster, holder) for cluster, holders in self.there.items() for holder in sorted(holders)]
        return [Lease(cluster, holder, "", "", now, now, is_live=True) for cluster, holder in pairs]

    def closed(self, cluster: str, holder: str) -> None:
        del holder
        self.there.pop(sql.identifier(cluster), None)


class FakeClient:
    def __init__(self) -> None:
        self.leases, self.organisation = FakeLeases(), "My Org"  # type: tuple[FakeLeases, str | None]
        self.calls: list[str] = []
        self.compute_pools, self.services, self.stages = FakePools(self.calls), FakeServices(self.calls), FakeStages()

    def account(self) -> tuple[str, str]:
        if self.organisation is None:
            raise InvalidValueError("unknown function CURRENT_ORGANIZATION_NAME")
        return self.organisation, "ACCT"

    def current_schema(self) -> tuple[str, str]:
        return "D", "S"

    def current_user_and_role(self) -> tuple[str, str]:
        return "ALICE", "R"
