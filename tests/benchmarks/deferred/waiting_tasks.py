"""Writes deferred task instances and their triggers into Airflow's database, as a worker that defers would leave them.

Run in a process of its own, with the environment of the Airflow that is meant: ``python -m … <run> <plan as JSON>``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseTrigger
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import delete, select

from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.jobs.logs import MAX_LINES
from airflow_provider_raydp_spcs.triggers.cluster import RayDPClusterTrigger
from airflow_provider_raydp_spcs.triggers.ray_job import RayDPJobTrigger
from tests.benchmarks.deferred.loop_lag import LoopLagTrigger

DAG = "waiting"
DAY = 86_400


def triggers(plan: dict[str, Any]) -> Iterator[tuple[str, BaseTrigger]]:
    """Task id and trigger of each that waits.

    :param plan: ``{"jobs": {cluster: [submission id, …]}, "watchers": {cluster: count}, "poll": seconds, "lags": file}``
    """
    scope: dict[str, Any] = {}
    yield "probe", LoopLagTrigger(plan["lags"])  # first, so that it sees the others begin
    for cluster, jobs in plan["jobs"].items():
        for job in jobs:
            yield "job", RayDPJobTrigger(cluster, job, scope, plan["poll"], log=True, max_log_lines=MAX_LINES)
    for cluster, count in plan["watchers"].items():
        for _ in range(count):
            yield "cluster", RayDPClusterTrigger(cluster, Target.SUSPENDED, scope, plan["poll"], time.time() + DAY)


def write_down(run_id: str, plan: dict[str, Any]) -> int:
    """Answer how many wait."""
    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.dag_id == DAG, DagRun.run_id == run_id)).one()
        session.execute(delete(TaskInstance).where(TaskInstance.dag_id == DAG))
        session.execute(delete(Trigger))
        tasks = {task.task_id: task for task in DBDagBag().get_dag_for_run(run, session=session).tasks}
        count = 0
        for index, (task_id, trigger) in enumerate(triggers(plan)):
            row = Trigger.from_object(trigger)
            session.add(row)
            session.flush()
            instance = TaskInstance(tasks[task_id], run.created_dag_version_id, run_id, map_index=index)
            instance.state, instance.trigger_id, instance.try_number = TaskInstanceState.DEFERRED, row.id, 1
            instance.next_method = "execute_complete"
            session.add(instance)
            count += 1
    return count


if __name__ == "__main__":
    print(write_down(sys.argv[1], json.loads(sys.argv[2])))
