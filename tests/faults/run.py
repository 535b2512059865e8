"""One DAG run with one job, while something happens to it."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError
from airflow_provider_raydp_spcs.jobs.submission import JobStatus
from tests.faults.suite import Fault
from tests.system.live.real_airflow import RealAirflow

TASK = "job"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Run:
    """A run of a DAG whose task ``job`` runs one job, which leaves one row and the result ``{"name": …}``.

    :param name: of the run, of its job's row and of its result.
    """

    airflow: RealAirflow
    ray: RayJobsClient
    dag: str
    name: str

    @classmethod
    def start(
        cls,
        airflow: RealAirflow,
        ray: RayJobsClient,
        fault: Fault,
        dag: str,
        seconds: float = 0,
        times: int | None = 1,
        **conf: object,
    ) -> Run:
        """Trigger it.

        :param seconds: how long its job takes.
        :param times: how often its job shall run, in the user's mind; None where it may be stopped before it begins.
        :param conf: what else the DAG reads.
        """
        made = cls(airflow, ray, dag, f"{dag}-{next(_numbers)}")
        if times is not None:
            fault.expects(made.name, times)
        airflow.trigger(dag, made.name, name=made.name, seconds=seconds, **conf)
        return made

    @classmethod
    def counting(cls, airflow: RealAirflow, ray: RayJobsClient, fault: Fault, times: int = 1) -> Run:
        """One whose Spark job counts by now, for ten seconds; see :meth:`start`."""
        made = cls.start(airflow, ray, fault, "spark_jobs", 10, times)
        made.await_line("begins to count")
        return made

    def await_job(self) -> None:
        """Wait until its job runs."""
        self.airflow.wait(lambda: JobStatus.RUNNING in self.jobs(), 90, f"no job of {self.name} runs")

    def await_count(self) -> None:
        """Wait until its job has left its row; one that is stopped before has not run."""
        self.await_line(f"{self.name} line 0")

    def jobs(self) -> list[JobStatus]:
        """States of its jobs, by the metadata that the operator gives them."""
        return [job.status for job in self.ray.jobs() if job.metadata.get("run_id") == self.name]

    def await_line(self, text: str) -> None:
        """Wait until its job has printed something."""

        def printed() -> bool:
            jobs = [job.submission_id for job in self.ray.jobs() if job.metadata.get("run_id") == self.name]
            with suppress(JobNotFoundError):  # it has no log yet
                return any(text.encode() in b"".join(self.ray.logs(job)) for job in jobs)
            return False

        self.airflow.wait(printed, 120, f"no job of {self.name} has printed {text!r}")

    def state(self) -> str:
        """Of its task."""
        return str(self.task()["state"])

    def task(self) -> dict[str, Any]:
        """Its task as Airflow's API shows it."""
        return self.airflow.tasks(self.dag, self.name)[TASK]

    def succeed(self, seconds: float = 180) -> None:
        """Wait for its end, which has to be a good one, with its result."""
        self.airflow.succeed(self.dag, self.name, seconds)
        assert self.airflow.xcom(self.dag, self.name, TASK) == {"name": self.name}

    def log(self) -> list[str]:
        """The job's lines in the logs of all tries."""
        tries = range(1, int(self.task()["try_number"]) + 1)
        return [line for attempt in tries for line in self.told(attempt) if line.startswith(self.name)]

    def told(self, attempt: int = 1) -> list[str]:
        """The whole log of a try."""
        return self.airflow.log(self.dag, self.name, TASK, attempt)
