"""A task that is killed while it creates a cluster leaves none behind."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.mark.parametrize(("task", "state"), [("in_worker", "running"), ("deferred", "deferred")])
def test_a_creation_that_is_marked_failed_leaves_nothing(
    airflow: RealAirflow, clusters: Clusters, task: str, state: str
) -> None:
    run = f"killed-{task}"
    airflow.trigger("creations", run)
    airflow.wait_task("creations", run, task, [state], 60)
    airflow.wait(lambda: len(clusters.find(task).services) == 2, 30, "no service was asked for")
    assert not clusters.find(task).is_ready, "it was killed too late"
    airflow.mark_failed("creations", run, task)
    airflow.wait(lambda: not clusters.find(task).services, 60, "services are left")
    airflow.wait(lambda: not clusters.pools(task), 60, "pools are left")
    other = "deferred" if task == "in_worker" else "in_worker"
    airflow.wait_task("creations", run, other, ["success", "failed"], 120)
    clusters.delete(other)
