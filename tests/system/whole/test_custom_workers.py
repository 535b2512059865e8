"""Custom workers: tasks reach them by resource and by label, Spark executors stay off them, their environment is theirs."""

from __future__ import annotations

import pytest

from tests.system.whole.conftest import WholeCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
SCRIPT = """
import json, os, time
import ray
from ray.util.state import list_actors
from airflow_provider_raydp_spcs.runtime import spark_session

ray.init(address="auto", log_to_driver=False)

@ray.remote(num_cpus=0)
def here():
    return ray.get_runtime_context().get_node_id(), os.environ.get("GREETING")

nodes = {node["NodeID"]: node["Labels"]["raydp-group"] for node in ray.nodes()}
found = {"groups": sorted(nodes.values())}
for name, options in {
    "resource": {"resources": {"custom_worker": 1}},
    "label": {"label_selector": {"zone": "special"}},
    "worker": {"resources": {"worker": 0.1}},
}.items():
    node, greeting = ray.get(here.options(**options).remote())
    found[name] = [nodes[node], greeting]
with spark_session(app_name="placement") as spark:
    found["sum"] = spark.range(1000, numPartitions=8).groupBy().sum().collect()[0][0]
    while True:
        actors = list_actors(filters=[("state", "=", "ALIVE")], limit=1000)
        executors = [nodes[each.node_id] for each in actors if "RayDPExecutor" in each.class_name]
        if len(executors) >= 2:
            break
        time.sleep(0.5)
    found["executors"] = sorted(executors)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(whole_cluster: WholeCluster) -> dict[str, object]:
    return whole_cluster.run(SCRIPT, "custom_workers")


def test_a_task_reaches_the_custom_worker_by_its_resource_and_sees_its_environment(found: dict[str, object]) -> None:
    assert found["groups"] == ["head", "special", "worker", "worker"]
    assert found["resource"] == ["special", "hello from the special worker"]


def test_a_task_reaches_it_by_its_label(found: dict[str, object]) -> None:
    assert found["label"] == ["special", "hello from the special worker"]


def test_other_workers_know_nothing_of_its_environment(found: dict[str, object]) -> None:
    assert found["worker"] == ["worker", None]


def test_spark_executors_run_on_the_workers_only(found: dict[str, object]) -> None:
    assert found["sum"] == 499_500
    assert found["executors"] == ["worker", "worker"]
