"""Calls of the room ``spcs``, and those of ``runtime`` that go through tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_raydp_spcs.runtime.fetching import execute
from airflow_provider_raydp_spcs.runtime.loading import Load, Target
from airflow_provider_raydp_spcs.spcs import inspection, sql, table_loads
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool
from airflow_provider_raydp_spcs.spcs.leases import Leases
from airflow_provider_raydp_spcs.spcs.scripts import SetupNames, steps
from airflow_provider_raydp_spcs.spcs.services import Service
from airflow_provider_raydp_spcs.spcs.specification import ServiceSpecification
from airflow_provider_raydp_spcs.spcs.stages import StageFile
from airflow_provider_raydp_spcs.spcs.streamlit_apps import StreamlitApp
from airflow_provider_raydp_spcs.spcs.write_ledger import WriteLedger
from tests.faults.hostile.world import HOSTILE_POOL, SPECIFICATION, Call, World

POOL, SERVICE, STAGE, APP = "HOSTILE_NEW_POOL", "HOSTILE_SERVICE", "HOSTILE_NEW_STAGE", "HOSTILE_APP"


def calls() -> Iterator[Call]:
    yield from _pools()
    yield from _services()
    yield from _stages()
    yield from _others()
    yield from _tables()


def _pools() -> Iterator[Call]:
    def gone(world: World) -> None:
        world.sql(f"DROP COMPUTE POOL IF EXISTS {POOL}")

    def there(world: World) -> None:
        gone(world)
        world.client.compute_pools.create(ComputePool(POOL, "CPU_X64_XS", auto_resume=False))
        world.client.compute_pools.suspend(POOL)

    def comment(world: World) -> Any:
        return world.client.compute_pools.describe(POOL).comment

    yield Call(
        "spcs.compute_pools:ComputePool",
        lambda world, **given: world.client.compute_pools.create(ComputePool(**given)),
        {"name": POOL, "instance_family": "CPU_X64_XS", "min_nodes": 1, "max_nodes": 1, "auto_suspend_secs": 60,
         "comment": "x", "tags": {"COST": "x"}},
        gone, {"comment": comment},
    )  # fmt: skip
    yield Call(
        "spcs.compute_pools:ComputePools.alter",
        lambda world, **given: world.client.compute_pools.alter(**given),
        {"name": POOL, "min_nodes": 1, "max_nodes": 2, "auto_suspend_secs": 60, "comment": "x"},
        there, {"comment": comment},
    )  # fmt: skip
    for method in ("suspend", "resume", "stop_all", "drop", "describe"):
        yield Call(
            f"spcs.compute_pools:ComputePools.{method}",
            lambda world, method=method, **given: getattr(world.client.compute_pools, method)(**given),
            {"name": POOL},
            there,
        )
    yield Call(
        "spcs.compute_pools:ComputePools.show",
        lambda world, prefix: world.client.compute_pools.show(prefix),
        {"prefix": "HOST"},
    )


def _services() -> Iterator[Call]:
    def gone(world: World) -> None:
        world.drop_service(SERVICE)

    def there(world: World) -> None:
        if not world.sql(f"SHOW SERVICES LIKE '{SERVICE}'"):
            world.client.services.create(Service(SERVICE, HOSTILE_POOL, ServiceSpecification.from_yaml(SPECIFICATION)))

    def comment(world: World) -> Any:
        return world.client.services.describe(SERVICE).comment

    def container(key: str) -> Any:
        def found(world: World) -> Any:
            (row,) = world.sql(f"DESCRIBE SERVICE {SERVICE}")
            return yaml.safe_load(row["spec"])["spec"]["containers"][0].get(key)

        return found

    yield Call(
        "spcs.services:Service",
        lambda world, **given: world.client.services.create(
            Service(specification=ServiceSpecification.from_yaml(SPECIFICATION), **given)
        ),
        {"name": SERVICE, "compute_pool": HOSTILE_POOL, "instances": 1, "query_warehouse": "RAYDP_SIS_XSW",
         "external_access_integrations": ["RAYDP_ACCESS_INTEGRATION"], "comment": "x", "tags": {"COST": "x"}},
        gone, {"comment": comment},
    )  # fmt: skip
    yield Call(
        "spcs.services:Services.alter",
        lambda world, **given: world.client.services.alter(**given),
        {"name": SERVICE, "instances": 1, "query_warehouse": "RAYDP_SIS_XSW",
         "external_access_integrations": ["RAYDP_ACCESS_INTEGRATION"], "comment": "x"},
        there, {"comment": comment},
    )  # fmt: skip
    yield Call(
        "spcs.services:Services.alter_specification",
        lambda world, name: world.client.services.alter_specification(
            name, ServiceSpecification.from_yaml(SPECIFICATION)
        ),
        {"name": SERVICE},
        there,
    )
    for method in ("suspend", "resume", "describe", "containers", "instances", "endpoints", "drop"):
        yield Call(
            f"spcs.services:Services.{method}",
            lambda world, method=method, **given: getattr(world.client.services, method)(**given),
            {"name": SERVICE},
            there,
        )
    yield Call(
        "spcs.services:Services.show",
        lambda world, **given: world.client.services.show(**given),
        {"prefix": "HOST", "schema": "RAYDP_SIS_CORE_SCHEMA"},
    )
    yield Call(
        "spcs.services:Services.logs",
        lambda world, **given: world.client.services.logs(**given),
        {"name": "CANARY", "instance_id": "0", "container": "main", "lines": 10},
    )
    yield from _containers(gone, container)


def _containers(gone: Any, container: Any) -> Iterator[Call]:
    def create(world: World, **parts: Any) -> None:
        spec: dict[str, Any] = yaml.safe_load(SPECIFICATION)
        spec["spec"]["containers"][0] |= {
            key: value for key, value in parts.items() if key not in ("volumes", "endpoints")
        }
        spec["spec"] |= {key: parts[key] for key in ("volumes", "endpoints") if key in parts}
        world.client.services.create(Service(SERVICE, HOSTILE_POOL, ServiceSpecification.from_mapping(spec)))

    yield Call(
        "spcs.specification:Container",
        lambda world, **given: create(world, **given),
        {"name": "main", "image": f"{SPECIFICATION.partition('image: ')[2].rstrip('}]')}", "command": ["a", "b"],
         "args": ["a", "b"], "env": {"A": "x", "B": "y"}},
        gone, {"env": container("env"), "args": container("args"), "command": container("command")},
    )  # fmt: skip
    yield Call(
        "spcs.specification:Volume",
        lambda world, **given: create(
            world, volumes=[{"name": given["name"], "source": given["source"], "stageConfig": {"name": given["stage"]}}],
            volumeMounts=[{"name": "v", "mountPath": "/v"}],
        ),
        {"name": "v", "source": "stage", "stage": "@RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA.RAYDP_ARTIFACTS/a"},
        gone,
    )  # fmt: skip
    yield Call(
        "spcs.specification:VolumeMount",
        lambda world, **given: create(
            world, volumes=[{"name": "v", "source": "local"}],
            volumeMounts=[{"name": given["name"], "mountPath": given["mount_path"]}],
        ),
        {"name": "v", "mount_path": "/v"},
        gone,
    )  # fmt: skip
    yield Call(
        "spcs.specification:Endpoint",
        lambda world, **given: create(world, endpoints=[given]),
        {"name": "web", "port": 8000, "protocol": "HTTP"},
        gone,
    )
    yield Call(
        "spcs.specification:ServiceSpecification.from_yaml",
        lambda world, text: world.client.services.create(
            Service(SERVICE, HOSTILE_POOL, ServiceSpecification.from_yaml(f"{SPECIFICATION}\n{text}\n"))
        ),
        {"text": "# x"},
        gone,
    )


def _stages() -> Iterator[Call]:
    def file(world: World) -> Path:
        path = world.folder / "file.txt"
        path.write_text("x")
        return path

    def gone(world: World) -> None:
        file(world)
        world.sql(f"DROP STAGE IF EXISTS {STAGE}")

    def comment(world: World) -> Any:
        return next(row["comment"] for row in world.sql(f"SHOW STAGES LIKE '{STAGE}'"))

    yield Call(
        "spcs.stages:Stages.create",
        lambda world, **given: world.client.stages.create(**given),
        {"name": STAGE, "comment": "x"}, gone, {"comment": comment},
    )  # fmt: skip
    yield Call(
        "spcs.stages:Stages.put",
        lambda world, source, **given: world.client.stages.put(world.folder / source, **given),
        {"source": "file.txt", "target": "@HOSTILE_STAGE/a", "parallel": 4}, gone,
    )  # fmt: skip
    yield Call(
        "spcs.stages:Stages.get",
        lambda world, folder, **given: world.client.stages.get(folder=world.folder / "got" / folder.strip("/."), **given),
        {"source": "@HOSTILE_STAGE/a", "folder": "here", "pattern": ".*x.*"},
    )  # fmt: skip
    yield Call(
        "spcs.stages:Stages.get_tree",
        lambda world, stage, files, folder: world.client.stages.get_tree(
            stage, [StageFile(each, 1, "") for each in files], world.folder / "tree" / folder.strip("/."), lambda done: None
        ),
        {"stage": "HOSTILE_STAGE", "files": ["hostile_stage/a/file.txt"], "folder": "here"},
    )  # fmt: skip
    for method in ("files", "remove"):
        yield Call(
            f"spcs.stages:Stages.{method}",
            lambda world, method=method, **given: getattr(world.client.stages, method)(**given),
            {"path": "@HOSTILE_STAGE/b", "pattern": ".*x.*"},
        )


def _others() -> Iterator[Call]:
    for method in ("url", "images"):
        yield Call(
            f"spcs.image_repositories:ImageRepositories.{method}",
            lambda world, method=method, **given: getattr(world.client.image_repositories, method)(**given),
            {"name": "RAYDP_SIS_IMAGE_REPO"},
        )
    for method, parameter, value in (
        ("roles", "role", "PUBLIC"), ("grants", "role", "PUBLIC"), ("warehouse", "name", "RAYDP_SIS_XSW"),
        ("stages", "schema", "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA"), ("integration", "name", "RAYDP_ACCESS_INTEGRATION"),
        ("image_repositories", "schema", "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA"), ("images", "repository", "RAYDP_SIS_IMAGE_REPO"),
    ):  # fmt: skip
        yield Call(
            f"spcs.inspection:Inspection.{method}",
            lambda world, method=method, **given: getattr(inspection.Inspection(world.session), method)(**given),
            {parameter: value},
        )
    yield Call(
        "spcs.streamlit_apps:StreamlitApp",
        lambda world, **given: world.client.streamlit_apps.replace(StreamlitApp(**given)),
        {"name": APP, "source": "@RAYDP_ARTIFACTS/canary", "main_file": "canary.txt", "query_warehouse": "RAYDP_SIS_XSW",
         "title": "x", "comment": "x"},
        lambda world: world.sql(f"DROP STREAMLIT IF EXISTS {APP}"),
        {"title": lambda world: world.client.streamlit_apps.show(APP)[0].title},
    )  # fmt: skip
    for method, parameter in (("add_live_version", "name"), ("drop", "name"), ("show", "prefix")):
        yield Call(
            f"spcs.streamlit_apps:StreamlitApps.{method}",
            lambda world, method=method, **given: getattr(world.client.streamlit_apps, method)(**given),
            {parameter: APP},
        )
    yield Call(
        "spcs.scripts:SetupNames",
        lambda world, **given: list(steps(SetupNames(**given).put_into("USE ROLE RAYDP_SIS_ROLE; USE SCHEMA RAYDP_SIS_DB.X"))),
        {"role": "R", "database": "D", "schema": "S", "warehouse": "W", "integration": "I"},
    )  # fmt: skip
    yield from _leases()
    yield Call(
        "spcs.write_ledger:WriteLedger",
        lambda world, target: WriteLedger(world.session, target).prepare(),
        {"target": "x"},
        lambda world: (WriteLedger(world.session, "x").prepare(), world.sql("DELETE FROM RAYDP_WRITES")),
        {"target": lambda world: [row["target"] for row in world.sql("SELECT TARGET FROM RAYDP_WRITES")]},
    )
    for method, more in (("written", {}), ("note", {"count": 3})):
        yield Call(
            f"spcs.write_ledger:WriteLedger.{method}",
            lambda world, method=method, more=more, **given: getattr(WriteLedger(world.session, "x"), method)(
                **given, **more
            ),
            {"run": "x"},
            lambda world: (WriteLedger(world.session, "x").prepare(), world.sql("DELETE FROM RAYDP_WRITES")),
            {"run": lambda world: [row["run"] for row in world.sql("SELECT RUN FROM RAYDP_WRITES")]} if more else {},
        )


def _leases() -> Iterator[Call]:
    def leases(world: World, table: str = "RAYDP_LEASES") -> Leases:
        return Leases(world.session, table, sleep=lambda seconds: None)

    def free(world: World) -> None:
        world.sql("DELETE FROM RAYDP_LEASES WHERE HOLDER <> '#gate'")
        world.sql("UPDATE RAYDP_LEASES SET OWNER = NULL, EXPIRES_AT = SYSDATE()")

    def held(world: World) -> None:
        free(world)
        leases(world).acquire("HOSTILE", "x", seconds=60)

    def column(name: str) -> Any:
        return lambda world: [row[name] for row in world.sql("SELECT * FROM RAYDP_LEASES WHERE HOLDER <> '#gate'")]

    yield Call(
        "spcs.leases:Leases",
        lambda world, table: leases(world, table).live("HOSTILE"),
        {"table": "RAYDP_LEASES"},
        held,
    )
    yield Call(
        "spcs.leases:Leases.acquire",
        lambda world, **given: leases(world).acquire(**given),
        {"cluster": "HOSTILE", "holder": "y", "owner": "o", "run": "r", "seconds": 60},
        held, {name: column(name) for name in ("holder", "owner", "run")}, is_data=True,
    )  # fmt: skip
    for method, harmless in (
        ("renew", {"cluster": "HOSTILE", "holder": "x", "seconds": 60}),
        ("release", {"cluster": "HOSTILE", "holder": "x"}),
        ("closed", {"cluster": "HOSTILE", "holder": "x"}),
        ("live", {"cluster": "HOSTILE"}),
    ):
        yield Call(
            f"spcs.leases:Leases.{method}",
            lambda world, method=method, **given: getattr(leases(world), method)(**given),
            harmless,
            held,
            is_data=True,
        )


def _tables() -> Iterator[Call]:
    def read(world: World, name: str, columns: list[str], params: list[str]) -> Any:
        query = table_loads.select(name, columns, "A = %s", is_marked=True)
        execute(world.connection.cursor(), query, params)

    yield Call("runtime:read_table", read, {"name": "HOSTILE", "columns": ["A"], "params": ["x"]})

    def load(world: World, **given: Any) -> None:
        target = Target(**given)
        made = Load(world.session, target)
        made.fit({"A": "string"})
        made.written_before()
        world.session.execute(
            table_loads.delete(target.name, target.where, is_marked=bool(target.params)), target.params
        )

    for more in ({"mode": "replace_where", "where": "A = %s", "params": ["x"]}, {"mode": "merge", "keys": ["A"]},
                 {"mode": "overwrite_partition", "partition_by": ["A"]}):  # fmt: skip
        yield Call(
            "runtime:write_table",
            lambda world, fixed=more, **given: load(
                world, **{key: value for key, value in fixed.items() if key == "where"}, **given
            ),
            {"name": "HOSTILE", "run": "x", **{key: value for key, value in more.items() if key != "where"}},
            lambda world: (
                WriteLedger(world.session, "x").prepare(),
                WriteLedger(world.session, sql.table("HOSTILE")).prepare(),
            ),
        )
