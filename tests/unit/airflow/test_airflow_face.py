"""The Airflow face as a whole: what is imported, parsed and refused at once."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import textwrap
from dataclasses import asdict
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.undertaker import Errand
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.sensors.ray_job import RayDPJobSensor
from airflow_provider_raydp_spcs.shipped import shipped
from airflow_provider_raydp_spcs.triggers.cluster import RayDPClusterTrigger
from airflow_provider_raydp_spcs.triggers.ray_job import RayDPJobTrigger
from tests.unit.airflow.fakes import TOKEN

PACKAGE = "airflow_provider_raydp_spcs"
OPERATORS = (
    "create_cluster", "delete_cluster", "export_logs", "reap_clusters", "resume_cluster", "scale_cluster", "submit_job",
    "suspend_cluster",
)  # fmt: skip
ONLY_RUNNING = (
    "cluster.lifecycle", "cluster.blueprint", "spcs.client", "jobs.client", "jobs.aio", "hooks.spcs", "triggers",
)  # fmt: skip


def test_importing_is_light() -> None:
    """One after the other in one interpreter: each tells what is loaded by then."""
    modules = [f"operators.{name}" for name in OPERATORS]
    modules += ["sensors.ray_job", "sensors.cluster", "triggers.ray_job", "triggers.cluster"]
    modules += ["decorators.raydp", "task_groups", "get_provider_info"]
    code = """
        import importlib, json, sys
        for name in sys.argv[1:]:
            importlib.import_module(f"airflow_provider_raydp_spcs.{name}")
            print(json.dumps([name, [heavy for heavy in ("ray", "pyspark", "raydp", "cloudpickle") if heavy in sys.modules]]))
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), *modules]
    out = subprocess.check_output(command, text=True)
    found = [json.loads(line) for line in out.splitlines() if line.startswith("[")]
    assert found == [[name, []] for name in modules]


def test_parsing_a_dag_reads_nothing_that_only_a_running_task_needs() -> None:
    modules = [f"{PACKAGE}.operators.{name}" for name in OPERATORS]
    modules += [
        f"{PACKAGE}.{name}" for name in ("sensors.ray_job", "sensors.cluster", "decorators.raydp", "task_groups")
    ]
    code = "import importlib, json, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(json.dumps(list(sys.modules)))"
    out = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code, *modules], text=True)
    read = set(json.loads(out.splitlines()[-1]))
    assert set(modules) <= read
    assert not read & {f"{PACKAGE}.{name}" for name in ONLY_RUNNING}


def test_the_example_parses_and_is_wired() -> None:
    dag = runpy.run_path(str(shipped("dags") / "flights_daily_etl.py"))["dag"]
    tasks = {task.task_id: task for task in dag.tasks}
    assert [name for name, task in tasks.items() if task.is_setup] == ["create_cluster"]
    assert {name for name, task in tasks.items() if task.is_teardown} == {"export_logs", "delete_cluster"}
    assert tasks["run_job"].upstream_task_ids == {"create_cluster"}
    assert "export_logs" in tasks["delete_cluster"].upstream_task_ids
    assert dag.catchup is False


@pytest.mark.parametrize(
    ("cluster", "part"),
    [
        ({"worker_groups": [{"count": -1}]}, "whole numbers from 1"),
        ({"head": {"instance_family": "CPU"}}, "unknown instance family"),
        ({"head": {"memory": "99Gi"}}, "more than a node"),
        ({"colour": "blue"}, "unknown"),
    ],
)
def test_a_wrong_cluster_is_refused_when_the_dag_is_parsed(cluster: dict[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        CreateRayDPClusterOperator(task_id="t", cluster_name="C", cluster=cluster)


def test_a_templated_cluster_waits_for_its_values() -> None:
    operator = CreateRayDPClusterOperator(task_id="t", cluster_name="C", cluster={"query_warehouse": "{{ params.w }}"})
    assert operator.cluster["query_warehouse"] == "{{ params.w }}"
    assert "name" not in CreateRayDPClusterOperator(task_id="u", cluster_name="C", cluster=ClusterConfig("X")).cluster


def test_template_fields_exist_and_hold_no_secret() -> None:
    made = [
        CreateRayDPClusterOperator(task_id="a", cluster_name="C"),
        SubmitRayDPJobOperator(task_id="b", cluster_name="C", application="x.py"),
        ExportRayDPLogsOperator(task_id="c", cluster_name="C", job_task_id="b"),
        DeleteRayDPClusterOperator(task_id="d", cluster_name="C"),
        RayDPJobSensor(task_id="e", cluster_name="C", submission_id="j"),
    ]
    for operator in made:
        values = [getattr(operator, field) for field in operator.template_fields]
        assert TOKEN not in repr(values)


def test_an_application_is_missed_before_a_cluster_is_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = CreateRayDPClusterOperator(task_id="t", cluster_name="C", applications=["/no/such/job.py"])
    monkeypatch.setattr(operator, "spcs", lambda: pytest.fail("nothing may be sent"))
    with pytest.raises(FileNotFoundError, match=r"/no/such/job\.py"):
        operator.execute({})  # type: ignore[typeddict-item]


def test_the_hook_sets_what_ingress_and_outages_need() -> None:
    parameters = SpcsHook()._get_conn_params()
    assert parameters["session_parameters"]["PYTHON_CONNECTOR_QUERY_RESULT_FORMAT"] == "json"
    assert parameters["network_timeout"] > 0
    assert parameters["login_timeout"] > 0


def test_a_missing_connection_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SNOWFLAKE_DEFAULT")
    with pytest.raises(Exception, match="nowhere"), SpcsHook(snowflake_conn_id="nowhere") as hook:
        _ = hook.client.compute_pools.show()


def test_the_trigger_can_be_written_down_and_read_back() -> None:
    scope = asdict(SpcsScope("conn", role="R"))
    for trigger in (
        RayDPJobTrigger("C", "j", scope, 2.0, 5.0, log=True, position=3, max_log_lines=4),
        RayDPClusterTrigger("C", "ready", scope, 2.0, 5.0, asdict(Errand("C", "dag", "run", shared=True))),
    ):
        path, arguments = trigger.serialize()
        assert path == f"{type(trigger).__module__}.{type(trigger).__name__}"
        assert json.loads(json.dumps(arguments)) == arguments
        assert type(trigger)(**arguments).serialize() == (path, arguments)
