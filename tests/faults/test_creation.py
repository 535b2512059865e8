"""A task that is killed while it creates a cluster leaves none behind."""

from __future__ import annotations

import time

import pytest

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.faults.suite import Suite
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("name", "state"), [("worker_creation", "running"), ("deferred_creation", "deferred")])
def test_a_creation_that_is_marked_failed_leaves_nothing(
    airflow: RealAirflow, clusters: Clusters, suite: Suite, name: str, state: str
) -> None:
    mode = "deferred" if state == "deferred" else "in the worker"
    with suite.fault(
        "Airflow", f"task {mode} marked failed while it creates a cluster", "no service, no pool is left"
    ) as fault:
        airflow.trigger(name, name)
        airflow.wait_task(name, name, "create", [state], 60)
        airflow.wait(lambda: len(clusters.find(name).services) == 2, 30, "no service was asked for")
        time.sleep(fault.moment(0, 2))
        assert not clusters.find(name).is_ready, "it was killed too late"
        airflow.mark(name, name, "create", "failed")
        fault.struck()
        airflow.wait(lambda: not clusters.find(name).services, 60, "services are left")
        airflow.wait(lambda: not clusters.pools(name), 60, "pools are left")
        fault.seen("as expected")
