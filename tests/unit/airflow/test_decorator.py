"""``@task.raydp``: a function of a DAG file, sent by value, called as the runtime calls it."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_raydp_spcs.decorators.raydp import RayDPDecoratedOperator, raydp_task
from airflow_provider_raydp_spcs.jobs.errors import JobInputError, NotPicklableError, PythonMismatchError
from tests.unit.airflow.fakes import GOES_ON, Airflow, FakeHead, FakeSnowflake

DAG_FILE = """
from airflow.sdk import DAG, task

FACTOR = 3

def helper(value):
    return value * FACTOR

def make(offset):
    @task.raydp(cluster_name="c", poll_interval=0.01)
    def total(value: int, *, other: int) -> dict:
        "What it is about."
        return {"sum": helper(value) + other + offset}
    return total

with DAG("dag", schedule=None) as dag:
    make(100)(5, other=2)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    found = tmp_path / "temporary"
    found.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


@pytest.fixture
def dag() -> Iterator[DAG]:
    with DAG("dag", schedule=None) as made:
        yield made


def operator(function: Any, *args: Any, **kwargs: Any) -> RayDPDecoratedOperator:
    values = {key.removeprefix("its_"): kwargs.pop(key) for key in list(kwargs) if key.startswith("its_")}
    values = {"task_id": "task", "cluster_name": "c", "poll_interval": 0.01, **values}
    made = raydp_task(function, **values)(*args, **kwargs)  # type: ignore[operator]
    found: RayDPDecoratedOperator = made.operator
    return found


def sent(snowflake: FakeSnowflake) -> dict[str, Any]:
    """The call that was put on the stage."""
    (content,) = snowflake.stages.bytes_there.values()
    found: dict[str, Any] = pickle.loads(pickle.loads(content)["call"])
    return found


def call(snowflake: FakeSnowflake, **values: Any) -> Any:
    """Carry out the call that was sent, as the runtime does."""
    found = sent(snowflake)
    return found["function"](*found["args"], **found["kwargs"], **values)


def load(file: Path) -> ModuleType:
    """A DAG file, as Airflow reads it: in a module that no cluster has."""
    spec = importlib.util.spec_from_file_location("unusual_prefix_dag_file", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_arguments_closures_and_globals_travel_by_value(
    tmp_path: Path, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
) -> None:
    file = tmp_path / "dag_file.py"
    file.write_text(DAG_FILE)
    made = load(file).dag.get_task("total")
    assert made.multiple_outputs, "the annotation says so"
    assert made.doc_md == "What it is about."
    made.execute(airflow.context())
    ((name, job),) = head.jobs.items()
    # Where neither the DAG file nor anything of this test can be imported.
    place = tmp_path / "cluster"
    for stored, content in snowflake.stages.bytes_there.items():
        target = place / stored.partition("/")[2]
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
    environment = {"RAYDP_ARTIFACTS_DIR": str(place), "RAYDP_RESULTS_DIR": str(place), "PATH": os.environ["PATH"]}
    words = shlex.split(job.request["entrypoint"])
    subprocess.run([sys.executable, *words[1:]], env=environment, cwd="/", check=True)
    assert json.loads((place / f"{name}.json").read_text()) == {"value": {"sum": 5 * 3 + 2 + 100}}


@pytest.mark.parametrize("when", ["first", "last"])
def test_who_asks_for_spark_gets_it_wherever_it_stands(
    dag: DAG, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, when: str
) -> None:
    def first(spark: Any, day: str, *, scale: int = 1) -> Any:
        return [spark, day, scale]

    def last(day: str, scale: int = 1, spark: Any = None) -> Any:
        return [spark, day, scale]

    operator({"first": first, "last": last}[when], "2013-01-01", scale=2, its_spark={"share": 0.5}).execute(
        airflow.context()
    )
    assert sent(snowflake)["spark"] == {"share": 0.5}
    assert call(snowflake, spark="the session") == ["the session", "2013-01-01", 2]


def test_who_does_not_ask_gets_none(dag: DAG, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow) -> None:
    operator(lambda day: day, "x", its_spark={"share": 0.5}).execute(airflow.context())
    assert sent(snowflake)["spark"] is None


def test_further_positional_arguments_keep_their_places(
    dag: DAG, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
) -> None:
    def function(first: int, /, second: int, *rest: int, third: int = 3, **more: int) -> Any:
        return [first, second, rest, third, more]

    operator(function, 1, 2, 30, 31, fourth=4).execute(airflow.context())
    assert call(snowflake) == [1, 2, (30, 31), 3, {"fourth": 4}]


class TestContext:
    def run(self, function: Any, *args: Any, airflow: Airflow, **kwargs: Any) -> None:
        known = {"logical_date": pendulum.datetime(2013, 1, 1), "params": {"a": 1}}
        operator(function, *args, **kwargs).execute(airflow.context(**known))

    def test_what_is_plain_travels(self, dag: DAG, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        def function(x: int, ds: str, logical_date: Any = None, params: Any = None) -> Any:
            return [x, ds, logical_date, params]

        self.run(function, 1, airflow=airflow)
        found = call(snowflake)
        assert found == [1, "2013-01-01", datetime.fromisoformat("2013-01-01T00:00:00+00:00"), {"a": 1}]
        assert type(found[2]) is datetime, "no pendulum is needed on the cluster"

    def test_what_is_given_wins(self, dag: DAG, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        def function(ds: str, run_id: str) -> Any:
            return [ds, run_id]

        self.run(function, "given", airflow=airflow, run_id="too")
        assert call(snowflake) == ["given", "too"]

    def test_what_stays_in_airflow_is_refused_by_name(self, dag: DAG, head: FakeHead, airflow: Airflow) -> None:
        def function(ti: Any) -> Any:
            return ti

        with pytest.raises(JobInputError, match=r"asks for 'ti', and is given none.*ds, ds_nodash"):
            self.run(function, airflow=airflow)
        assert head.requests == []


def test_what_cannot_be_pickled_is_refused_by_name_before_anything_is_asked(
    dag: DAG, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
) -> None:
    guard = threading.Lock()

    def function(value: int) -> Any:
        with guard:
            return value

    with pytest.raises(NotPicklableError, match=r"'function' cannot be sent.* because of its variable 'guard'"):
        operator(function, 1).execute(airflow.context())
    with pytest.raises(NotPicklableError, match=r"because of its argument 'value'"):
        operator(lambda value: value, guard).execute(airflow.context())
    assert (head.requests, snowflake.calls, snowflake.stages.files_there) == ([], [], {})


def test_another_python_on_the_cluster_is_refused(dag: DAG, head: FakeHead, airflow: Airflow) -> None:
    head.python = "3.9"
    with pytest.raises(PythonMismatchError, match=r"cluster c runs Python 3\.9.*build the images with theirs"):
        operator(lambda: 1).execute(airflow.context())
    assert (head.posted, airflow.store.values) == (0, {})


def test_a_silence_before_anything_is_known_is_borne(dag: DAG, head: FakeHead, airflow: Airflow) -> None:
    head.silent = 2
    operator(lambda: 1).execute(airflow.context())
    assert head.posted == 1


def test_the_functions_value_is_the_tasks(dag: DAG, head: FakeHead, airflow: Airflow) -> None:
    head.will(("SUCCEEDED", ""), result={"value": {"a": 1}})
    assert operator(lambda: 1).execute(airflow.context()) == {"a": 1}


def test_outputs_are_several_where_it_is_said_so(dag: DAG) -> None:
    assert operator(lambda: {"a": 1}, its_multiple_outputs=True).multiple_outputs
    assert not operator(lambda: {"a": 1}).multiple_outputs


def test_mapped_each_gets_its_own_arguments(
    dag: DAG, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
) -> None:
    @task.raydp(cluster_name="c", poll_interval=0.01)
    def late(carrier: str, minutes: int, spark: Any = None) -> Any:
        return [carrier, minutes, spark]

    mapped = late.partial(minutes=60).expand(carrier=["AA", "DL"]).operator
    found = []
    for index, carrier in enumerate(("AA", "DL")):
        snowflake.stages.bytes_there.clear()
        airflow.store.values.clear()  # each map index has its own
        one = mapped.unmap({"op_kwargs": {"carrier": carrier}})
        context = airflow.context()
        context["ti"].map_index = index
        one.execute(context)
        found.append(call(snowflake, spark="S"))
    assert found == [["AA", 60, "S"], ["DL", 60, "S"]]
    assert len(head.jobs) == 2


def test_an_upstream_tasks_value_makes_a_dependency(dag: DAG) -> None:
    @task
    def first() -> int:
        return 1

    @task.raydp(cluster_name="c")
    def second(value: int) -> int:
        return value

    assert second(first()).operator.upstream_task_ids == {"first"}


def test_its_template_fields_are_its_own(dag: DAG) -> None:
    fields = set(RayDPDecoratedOperator.template_fields)
    assert {"op_args", "op_kwargs", "spark", "cluster_name", "runtime_env"} <= fields
    assert not {"application", "application_args"} & fields


@pytest.mark.parametrize("deferrable", [False, True])
def test_nothing_of_the_call_is_left_on_the_worker(
    dag: DAG, head: FakeHead, airflow: Airflow, folder: Path, deferrable: bool
) -> None:
    """Airflow ends a task's process with ``os._exit``, after which Python tidies nothing up."""
    if deferrable:
        head.will(*GOES_ON)
        with pytest.raises(TaskDeferred):
            operator(lambda: 1, its_deferrable=True).execute(airflow.context())
    else:
        operator(lambda: 1).execute(airflow.context())
    assert list(folder.iterdir()) == []
