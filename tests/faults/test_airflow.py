"""Parts of Airflow die, lose touch or change their mind while a job runs."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import psutil
import pytest

from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from tests.faults.run import Run
from tests.faults.suite import Fault, Suite
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]
MODES = {"worker_jobs": "in the worker", "deferred_jobs": "deferred"}
HERE = Path(__file__).parent


def pair(airflow: RealAirflow, ray: RayJobsClient, fault: Fault, seconds: float) -> list[Run]:
    """A run whose task waits in the worker and one whose task is deferred; the jobs of both run by now."""
    runs = [Run.start(airflow, ray, fault, dag, seconds) for dag in MODES]
    for run in runs:
        run.await_job()
    return runs


def succeed_once(runs: list[Run]) -> None:
    """Wait for their good ends; each has run one job."""
    for run in runs:
        run.succeed(240)
        assert run.jobs() == [JobStatus.SUCCEEDED]


@pytest.mark.parametrize("component", ["triggerer", "scheduler", "api-server"])
def test_a_component_is_killed(airflow: RealAirflow, ray: RayJobsClient, suite: Suite, component: str) -> None:
    told = "and the workers with it, " if component == "scheduler" else ""
    with suite.fault(
        "Airflow",
        f"{component} SIGKILLed, {told}and started again, beside a job in the worker and a deferred one",
        "each job runs once, and its result is there",
    ) as fault:
        runs = pair(airflow, ray, fault, 8)
        time.sleep(fault.moment(0, 4))
        airflow.kill(component)
        fault.struck()
        time.sleep(fault.moment(0, 4))
        airflow.start_component(component)
        succeed_once(runs)
        # Where the deferred task needed another try, that one's log begins anew.
        shown, tries = runs[1].log(), int(runs[1].task()["try_number"])
        lines = [*(f"{runs[1].name} line {number}" for number in range(32)), f"{runs[1].name} has ended"]
        assert shown == lines if tries == 1 else set(shown) == set(lines)
        fault.seen(f"as expected; the deferred task's log is whole, in {tries} tries")


def test_heartbeats_are_lost(airflow: RealAirflow, ray: RayJobsClient, suite: Suite) -> None:
    with suite.fault(
        "Airflow",
        "worker stands still (SIGSTOP) until another try has taken its job over, then goes on and is killed by Airflow",
        "the kill leaves the job alone: it runs once",
    ) as fault:
        run = Run.start(airflow, ray, fault, "worker_jobs", 75)
        run.await_job()
        time.sleep(fault.moment(0, 3))
        family = [int(run.task()["pid"])]
        family.append(psutil.Process(family[0]).ppid())
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        fault.struck()
        try:
            (job,) = [each.submission_id for each in ray.jobs() if each.metadata.get("run_id") == run.name]
            airflow.wait(lambda: ray.claimant(job) > 1, 120, "no other try has taken the job over")
        finally:
            for pid in reversed(family):
                os.kill(pid, signal.SIGCONT)
        run.succeed(240)
        assert run.jobs() == [JobStatus.SUCCEEDED]
        fault.seen("as expected")


@pytest.mark.parametrize("dag", MODES)
@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_running_task_is_marked(airflow: RealAirflow, ray: RayJobsClient, suite: Suite, dag: str, state: str) -> None:
    with suite.fault(
        "Airflow", f"task {MODES[dag]} marked {state} while its job runs", "its job is stopped; the mark stands"
    ) as fault:
        run = Run.start(airflow, ray, fault, dag, 120)
        run.await_count()
        time.sleep(fault.moment(0, 3))
        airflow.mark(dag, run.name, "job", state)
        fault.struck()
        airflow.wait(lambda: run.jobs() == [JobStatus.STOPPED], 60, "the job goes on")
        assert airflow.wait_run(dag, run.name, 60) == state
        assert run.state() == state
        fault.seen("as expected")


@pytest.mark.parametrize("dag", MODES)
def test_a_running_task_is_cleared(airflow: RealAirflow, ray: RayJobsClient, suite: Suite, dag: str) -> None:
    with suite.fault(
        "Airflow",
        f"task {MODES[dag]} cleared while its job runs",
        "that job is stopped, and a new one runs to its end: two in all, never both at once",
    ) as fault:
        run = Run.start(airflow, ray, fault, dag, 15, times=2)
        run.await_count()
        time.sleep(fault.moment(0, 3))
        airflow.clear(dag, run.name, "job")
        fault.struck()
        airflow.wait(lambda: sorted(run.jobs()) == [JobStatus.RUNNING, JobStatus.STOPPED], 60, "no second job runs")
        run.succeed()
        assert sorted(run.jobs()) == [JobStatus.STOPPED, JobStatus.SUCCEEDED]
        fault.seen("as expected")


@pytest.mark.parametrize("what", ["changed", "removed"])
def test_the_dag_file_is_lost(
    airflow: RealAirflow, ray: RayJobsClient, suite: Suite, changing: Path, what: str
) -> None:
    with suite.fault(
        "Airflow", f"DAG file {what} while its job runs", "the task ends as it began: one job, its result"
    ) as fault:
        text = (HERE / "dags" / "changing.py.txt").read_text()
        text = text.replace("JOB", str(HERE / "dags" / "jobs" / "count_once.py"))
        file = changing / "changing.py"
        file.write_text(text)
        run = Run.start(airflow, ray, fault, "changing_jobs", 15)
        run.await_job()
        time.sleep(fault.moment(0, 3))
        if what == "changed":
            file.write_text(text.replace("MARK", "changed").replace('"--name"', '"--other", "--name"'))
        else:
            file.unlink()
        fault.struck()
        airflow.wait_task(run.dag, run.name, "job", ["success", "failed"], 120)
        # Of a DAG that is not there Airflow concludes no runs, until it is there again.
        file.write_text(text)
        run.succeed()
        assert run.jobs() == [JobStatus.SUCCEEDED]
        fault.seen("as expected" + ("; Airflow concludes the run when the file is back" if what == "removed" else ""))


@pytest.mark.parametrize("dag", ["limited_worker_jobs", "limited_deferred_jobs"])
def test_a_task_outlives_its_time(airflow: RealAirflow, ray: RayJobsClient, suite: Suite, dag: str) -> None:
    mode = MODES[dag.removeprefix("limited_")]
    with suite.fault(
        "Airflow", f"execution_timeout of a task {mode} passes", "its job is stopped, the task fails"
    ) as fault:
        run = Run.start(airflow, ray, fault, dag, 120, times=None)
        run.await_job()
        fault.struck()
        assert airflow.wait_run(dag, run.name, 120) == "failed"
        airflow.wait(lambda: run.jobs() == [JobStatus.STOPPED], 60, "the job goes on")
        fault.seen("as expected")


def test_the_database_is_gone(airflow: RealAirflow, ray: RayJobsClient, suite: Suite) -> None:
    with suite.fault(
        "Airflow",
        "metadata database locked for 30 s; what of Airflow ends by it is started again",
        "each job runs once, and its result is there",
    ) as fault:
        runs = pair(airflow, ray, fault, 20)
        time.sleep(fault.moment(0, 5))
        database = sqlite3.connect(airflow.home / "airflow.db", timeout=60, isolation_level=None)
        database.execute("BEGIN EXCLUSIVE")
        fault.struck()
        time.sleep(30)
        database.rollback()
        database.close()
        # What could not write ends in its own time, as a scheduler does when its workers are done.
        with airflow.under_a_service_manager() as ended:
            succeed_once(runs)
        fault.seen("as expected" + (f"; {', '.join(ended)} had ended" if ended else ""))
