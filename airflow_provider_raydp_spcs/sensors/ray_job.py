"""Wait for a Ray job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSensorTimeout

from airflow_provider_raydp_spcs.jobs.submission import TERMINAL
from airflow_provider_raydp_spcs.jobs.wait import check_end, lost, patiently
from airflow_provider_raydp_spcs.sensors.base import RayDPSensor

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient


class RayDPJobSensor(RayDPSensor):
    """Waits until a job has ended; one that did not succeed fails the task. It leaves the job alone otherwise.

    :param submission_id: the job, for instance the result of a submit task with ``wait_for_completion=False``.
    """

    template_fields: Sequence[str] = (*RayDPSensor.template_fields, "submission_id")

    def __init__(self, *, submission_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.submission_id = submission_id

    def trigger(self, deadline: float) -> BaseTrigger:
        """See the base class; the job goes on after the sensor's timeout, so the trigger gets no deadline."""
        from airflow_provider_raydp_spcs.triggers.ray_job import RayDPJobTrigger

        return RayDPJobTrigger(
            self.cluster_name, self.submission_id, asdict(self.scope), float(self.poke_interval), give_up_at=deadline
        )

    def poke(self, context: Context) -> bool:
        """Look once."""
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook

        del context
        with self.spcs() as hook:
            ray = RayJobsHook(self.cluster_name, hook)
            with patiently(ray.client, diagnose=ray.diagnose) as client:
                return patiently(partial(self._has_ended, client), diagnose=ray.diagnose)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:
        """The trigger saw the end, or gave up; see the base class."""
        super().execute_complete(context, event)
        if not self.poke(context):
            msg = f"job {self.submission_id} has not ended within the sensor's timeout; it goes on"
            raise AirflowSensorTimeout(msg)

    def _has_ended(self, client: RayJobsClient) -> bool:
        jobs = {job.submission_id: job for job in client.jobs()}
        if self.submission_id not in jobs:
            raise lost(self.submission_id)
        info = jobs[self.submission_id]
        if info.status not in TERMINAL:
            self.log.info("job %s is %s", self.submission_id, info.status)
            return False
        check_end(client, info)
        return True
