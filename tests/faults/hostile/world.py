"""What hostile input is tried on: a local Snowflake with canaries in it, and calls that are each known to be harmless."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from tests.faults.belongings import SCHEMA
from tests.integration.containers import until

IMAGE: Final = "/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/quiet:1"
SPECIFICATION: Final = f"spec: {{containers: [{{name: main, image: {IMAGE}}}]}}"
CANARY_POOL, HOSTILE_POOL = "CANARY_POOL", "HOSTILE_POOL"
CANARY_ROW: Final = ("it sings", 7)


def make_images(folder: Path) -> Path:
    """An image of a container that only waits."""
    (folder / "quiet").mkdir()
    (folder / "quiet" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["sleep", "600"]\n')
    return folder


class World:
    """One connection that everything is tried over.

    :param folder: for files; nothing may be written outside of it.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.connection = connect(environment, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"})
        self.session = ConnectorSession(self.connection)
        self.client = SpcsClient(self.session)
        self.clusters = Clusters(self.client)

    def make(self) -> None:
        """The canaries, and a pool without nodes, on which nothing of what is tried ever starts."""
        self.sql("CREATE TABLE CANARY (SONG TEXT, VERSE INT)")
        self.sql("INSERT INTO CANARY SELECT %s, %s", *CANARY_ROW)
        for pool in (CANARY_POOL, HOSTILE_POOL):
            self.sql(
                f"CREATE COMPUTE POOL {pool} MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS "
                f"AUTO_RESUME = {'TRUE' if pool == CANARY_POOL else 'FALSE'}"
            )
        self.sql(f"ALTER COMPUTE POOL {HOSTILE_POOL} SUSPEND")
        self.sql(f"CREATE SERVICE CANARY IN COMPUTE POOL {CANARY_POOL} FROM SPECIFICATION $${SPECIFICATION}$$")
        until(lambda: self.canary()["service"] == ["READY"])
        (self.folder / "canary.txt").write_text("it sings")
        self.client.stages.put(self.folder / "canary.txt", "@RAYDP_ARTIFACTS/canary")
        self.sql("CREATE TABLE HOSTILE (A TEXT)")
        self.sql("CREATE STAGE IF NOT EXISTS HOSTILE_STAGE ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')")

    def canary(self) -> dict[str, Any]:
        """How the canaries are."""
        rows = self.sql("SELECT SONG, VERSE FROM CANARY")
        return {
            "table": [(row["song"], row["verse"]) for row in rows],
            "service": [row["status"] for row in self.sql("SHOW SERVICE CONTAINERS IN SERVICE CANARY")],
            "file": [(file.name, file.size) for file in self.client.stages.files("@RAYDP_ARTIFACTS/canary")],
        }

    def objects(self) -> set[str]:
        """Names of everything that a statement could make or drop."""
        kinds = (
            "TABLES",
            "STAGES",
            "SERVICES",
            "COMPUTE POOLS",
            "STREAMLITS",
            "SECRETS",
            "IMAGE REPOSITORIES",
            "DATABASES",
        )
        return {f"{kind} {row['name']}" for kind in kinds for row in self.sql(f"SHOW {kind}")}

    def clean(self) -> None:
        """Take away what was made on purpose: things that are called ``HOSTILE…``, leases, and files beside the canary."""
        for row in self.sql("SHOW SERVICES LIKE 'HOSTILE%'"):
            self.sql(f"DROP SERVICE IF EXISTS {row['name']} FORCE")
        until(lambda: not self.sql("SHOW SERVICES LIKE 'HOSTILE%'"))
        for row in self.sql("SHOW COMPUTE POOLS LIKE 'HOSTILE%'"):
            if row["name"] != HOSTILE_POOL:
                self.sql(f"DROP COMPUTE POOL {row['name']}")
        for row in self.sql("SHOW STREAMLITS LIKE 'HOSTILE%'"):
            self.sql(f"DROP STREAMLIT {row['name']}")
        for place in ("@RAYDPLOGS", "@RAYDP_ARTIFACTS/HOSTILE", "@HOSTILE_STAGE"):
            self.sql(f"REMOVE {place}")
        self.sql("DELETE FROM RAYDP_LEASES")

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return self.session.execute(statement, values)

    def drop_service(self, name: str) -> None:
        self.sql(f"DROP SERVICE IF EXISTS {SCHEMA}.{name} FORCE")
        until(lambda: not self.sql(f"SHOW SERVICES LIKE '{name}'"))

    def close(self) -> None:
        self.connection.close()


@dataclass(frozen=True)
class Call:
    """A call whose arguments are exchanged one after another.

    :param of: what of the surface it is, without the parameter.
    :param harmless: arguments with which it does what it should.
    :param act: does it.
    :param reset: makes ready for the next one; its statements do not count.
    :param is_data: what is sent depends on what is found, such as a lease: fewer statements than meant may do, and a rollback.
    :param is_slow: so that one value in each parameter is enough.
    :param arrived: parameter → what is found where its value was meant to arrive.
    """

    of: str
    act: Callable[..., Any]
    harmless: Mapping[str, Any]
    reset: Callable[[World], Any] = lambda world: None
    arrived: Mapping[str, Callable[[World], Any]] = field(default_factory=dict)
    is_data: bool = False
    is_slow: bool = False

    @property
    def parameters(self) -> list[str]:
        """As the surface names them."""
        return [f"{self.of}({name})" for name in self.harmless]

    def run(self, world: World, **other: Any) -> Any:
        return self.act(world, **copy.deepcopy({**self.harmless, **other}))
