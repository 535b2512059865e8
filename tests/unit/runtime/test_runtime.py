"""What jobs import: sizing, types, the launcher, connections, writing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snowflake.connector.constants import FIELD_NAME_TO_ID

from airflow_provider_raydp_spcs import runtime
from airflow_provider_raydp_spcs.runtime.connecting import connection_arguments
from airflow_provider_raydp_spcs.runtime.errors import (
    ApplicationError,
    NotInsideSnowflakeError,
    SparkSizeError,
    TableError,
)
from airflow_provider_raydp_spcs.runtime.launcher import run_application
from airflow_provider_raydp_spcs.runtime.session import spark_settings
from airflow_provider_raydp_spcs.runtime.sizing import MIB, WorkerNode, overhead_bytes, size_spark, worker_nodes
from airflow_provider_raydp_spcs.runtime.tables import write_table
from airflow_provider_raydp_spcs.runtime.types import spark_schema

NODES = [WorkerNode(f"10.0.0.{number}", 3, 8000 * MIB, 1.0) for number in (1, 2)]


def test_one_executor_per_worker_leaves_room_for_ray() -> None:
    size = size_spark(NODES)
    assert (size.executors, size.cores, size.memory_mib, size.actor_worker_resource) == (2, 2, 4800, 1.0)
    assert size.memory_mib * MIB + overhead_bytes(size.memory_mib) < NODES[0].memory_bytes
    assert size.shuffle_partitions == 8


def test_every_number_can_be_given() -> None:
    size = size_spark(NODES, executors=4, cores=1, memory_mib=600)
    assert (size.executors, size.cores, size.memory_mib, size.actor_worker_resource) == (4, 1, 600, 0.5)
    assert size_spark([WorkerNode("a", 1, 4000 * MIB, 1.0)]).cores == 1


@pytest.mark.parametrize(
    ("nodes", "given", "part"),
    [
        ([], {}, "no living node has the Ray resource 'worker'"),
        (NODES, {"cores": 4}, r"1 executors per node with 4 cores need 4 CPUs, but node 10\.0\.0\.1 has 3"),
        (NODES, {"executors": 4, "cores": 2}, "2 executors per node with 2 cores need 4 CPUs"),
        (
            NODES,
            {"memory_mib": 7900},
            r"7900 MiB heap and 790 MiB overhead need 8690 MiB, but node 10\.0\.0\.1 has 8000 MiB",
        ),
        (NODES, {"executors": 0}, "executors is 0"),
        (NODES, {"memory_mib": -1}, "memory_mib is -1"),
    ],
)
def test_what_does_not_fit_fails_with_the_arithmetic(nodes: list[WorkerNode], given: dict[str, int], part: str) -> None:
    with pytest.raises(SparkSizeError, match=part):
        size_spark(nodes, **given)


def test_only_living_worker_nodes_count() -> None:
    def node(alive: bool, **resources: float) -> dict[str, Any]:
        return {"Alive": alive, "NodeManagerAddress": "a", "Resources": {"CPU": 3.0, "memory": 100.0, **resources}}

    found = worker_nodes([node(True, worker=3), node(False, worker=3), node(True, custom_worker=1), node(True)])
    assert found == [WorkerNode("a", 3, 100, 3.0)]


def test_sessions_beside_each_other_take_shares() -> None:
    quarter = size_spark([WorkerNode("a", 6, 16000 * MIB, 1.0)], share=0.25)
    assert (quarter.cores, quarter.memory_mib, quarter.actor_worker_resource) == (1, 2400, 0.25)
    # Ray refuses 1.5: above 1 it hands out whole numbers only.
    assert size_spark([WorkerNode("a", 6, 16000 * MIB, 6.0)], share=0.25).actor_worker_resource == 1.0


def test_executors_stay_off_head_and_custom_workers() -> None:
    settings = spark_settings(size_spark(NODES))
    assert settings["spark.ray.raydp_spark_executor.actor.resource.worker"] == "1.0"
    assert settings["spark.driver.port"] == "7078"


def column(name: str, kind: str, precision: int | None = None, scale: int | None = None) -> SimpleNamespace:
    return SimpleNamespace(name=name, type_code=FIELD_NAME_TO_ID[kind], precision=precision, scale=scale)


def test_types_follow_the_columns() -> None:
    schema = spark_schema(
        [column("A", "FIXED", 38, 0), column("B", "FIXED", 10, 2), column("C", "REAL"), column("D", "TEXT"), column("E", "DATE"), column("F", "TIMESTAMP_NTZ"), column("G", "BOOLEAN"), column("H", "VARIANT")]
    )  # fmt: skip
    assert (
        schema.simpleString()
        == "struct<A:bigint,B:decimal(10,2),C:double,D:string,E:date,F:timestamp_ntz,G:boolean,H:string>"
    )


def test_whole_numbers_of_many_digits_are_decimals_where_that_is_asked_for() -> None:
    columns = [column("A", "FIXED", 18, 0), column("B", "FIXED", 19, 0), column("C", "FIXED", 38, 37)]
    assert spark_schema(columns, "decimal").simpleString() == "struct<A:bigint,B:decimal(19,0),C:decimal(38,37)>"
    with pytest.raises(TableError, match="'long' and 'decimal'"):
        spark_schema(columns, "int")  # type: ignore[arg-type]


def test_a_type_that_spark_lacks_is_named_with_a_cast() -> None:
    with pytest.raises(TableError, match=r"ST_ASGEOJSON\(G\)::TEXT"):
        spark_schema([column("G", "GEOGRAPHY")])
    with pytest.raises(TableError, match="T::TEXT"):
        spark_schema([column("T", "TIME")])


@pytest.mark.parametrize(("mode", "where"), [("append", "A = 1"), ("overwrite", "A = 1"), ("replace_where", None)])
def test_modes_and_conditions_must_fit(mode: Any, where: str | None) -> None:
    with pytest.raises(TableError, match="do not fit"):
        write_table(None, "T", mode=mode, where=where)  # type: ignore[arg-type]


def test_a_connection_needs_the_platform(tmp_path: Path) -> None:
    with pytest.raises(NotInsideSnowflakeError, match="containers of a service"):
        connection_arguments({"RAYDP_SESSION_DIR": str(tmp_path)})
    (tmp_path / "token").write_text("one\n")
    env = {"RAYDP_SESSION_DIR": str(tmp_path), "SNOWFLAKE_HOST": "h", "SNOWFLAKE_ACCOUNT": "a"}
    assert connection_arguments(env)["token"] == "one"
    (tmp_path / "token").write_text("two")
    found = connection_arguments(env)
    assert (found["token"], found["port"], found["authenticator"]) == ("two", 443, "oauth")
    assert "user" not in found


def test_an_application_that_appears_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYDP_ARTIFACTS_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(__name__)"

    def appear() -> None:
        time.sleep(0.7)
        (tmp_path / "job.py").write_text(text)

    threading.Thread(target=appear).start()
    run_application("job.py", hashlib.sha256(text.encode()).hexdigest(), [str(tmp_path / "out")], wait_seconds=20)
    assert (tmp_path / "out").read_text() == "__main__"


@pytest.mark.parametrize(
    ("path", "part"), [("job.py", "has the checksum"), ("no.py", "is not there"), ("../x.py", "outside")]
)
def test_wrong_applications_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, part: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "job.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("RAYDP_ARTIFACTS_DIR", str(tmp_path / "a"))
    with pytest.raises(ApplicationError, match=part):
        run_application(path, "0" * 64, [], wait_seconds=0)


def test_importing_the_room_is_light() -> None:
    code = "import sys, airflow_provider_raydp_spcs.runtime; print([n for n in ('ray', 'pyspark', 'pandas', 'snowflake.connector') if n in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
    with pytest.raises(AttributeError, match="nonsense"):
        _ = runtime.nonsense


@pytest.mark.parametrize("name", runtime.__all__)
def test_what_the_room_offers_is_what_it_says_whatever_was_imported_before(name: str) -> None:
    """A module of the same name would hide the function once it is imported."""
    code = f"from airflow_provider_raydp_spcs.runtime import {name}; print(callable({name}))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "True"
