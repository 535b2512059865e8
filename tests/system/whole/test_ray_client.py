"""Ray Client from another service of the schema, by the head's DNS name; and which versions the head tells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib import metadata

import pytest

from airflow_provider_raydp_spcs.jobs.functions import own_python
from airflow_provider_raydp_spcs.jobs.versions import check_versions, cluster_versions
from airflow_provider_raydp_spcs.spcs.compute_pools import ComputePool
from airflow_provider_raydp_spcs.spcs.services import Service
from airflow_provider_raydp_spcs.spcs.specification import Container, Resources, ServiceSpecification
from airflow_provider_raydp_spcs.version import __version__
from tests.system.whole.conftest import WholeCluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
SERVICE, POOL = "RAY_CLIENT", "RAY_CLIENT_POOL"
SCRIPT = """
import time, ray

ray.init("ray://whole-head:10001")

@ray.remote(resources={"custom_worker": 1}, num_cpus=0)
def add(first, second):
    node = ray.get_runtime_context().get_node_id()
    labels = {each["NodeID"]: each["Labels"] for each in ray.nodes()}[node]
    return first + second, labels["raydp-group"]

print("RESULT", *ray.get(add.remote(19, 23)), flush=True)
ray.shutdown()
time.sleep(3600)
"""


@pytest.fixture
def other_service(whole_cluster: WholeCluster) -> Iterator[str]:
    client = whole_cluster.client
    image = f"/raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/raydp_worker:{__version__}"
    container = Container(
        name="main", image=image, command=("python", "-c", SCRIPT), requests=Resources(cpu=0.5, memory="1Gi")
    )
    client.compute_pools.create(ComputePool(POOL, "CPU_X64_XS"))
    client.services.create(Service(SERVICE, POOL, ServiceSpecification(containers=(container,))))
    yield SERVICE
    client.services.drop(SERVICE)
    while client.services.show(SERVICE):
        time.sleep(0.2)
    client.compute_pools.drop(POOL)


def test_another_service_runs_a_task_on_the_cluster(whole_cluster: WholeCluster, other_service: str) -> None:
    deadline = time.monotonic() + 240
    log = ""
    while "RESULT" not in log:
        assert time.monotonic() < deadline, log
        time.sleep(0.5)
        if any(each.status == "READY" for each in whole_cluster.client.services.containers(other_service)):
            log = whole_cluster.client.services.logs(other_service, "0", "main", lines=200)
    assert "RESULT 42 special" in log


def test_the_head_tells_its_versions_and_they_fit(whole_cluster: WholeCluster) -> None:
    with whole_cluster.jobs() as ray:
        found = cluster_versions(ray, whole_cluster.name)
    told: list[str] = []
    check_versions(found, whole_cluster.name, told.append)
    assert told == []
    assert (found.package, found.python) == (__version__, own_python())
    assert (found.ray, found.raydp, found.spark) == tuple(map(metadata.version, ("ray", "raydp", "pyspark")))
