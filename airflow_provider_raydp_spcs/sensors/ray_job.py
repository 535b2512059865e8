"""Wait for a Ray job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseSensorOperator

from airflow_provider_raydp_spcs.jobs.submission import TERMINAL
from airflow_provider_raydp_spcs.jobs.wait import check_end

if TYPE_CHECKING:
    from airflow.sdk import Context


class RayDPJobSensor(BaseSensorOperator):
    """Waits until a job has ended; one that did not succeed fails the task.

    :param cluster_name: the cluster.
    :param submission_id: the job, for instance the result of a submit task.
    :param snowflake_conn_id: Airflow connection of the type ``snowflake``.
    :param deferrable: wait in the triggerer, without a worker slot. Default: ``[operators] default_deferrable``.
    """

    template_fields: Sequence[str] = ("cluster_name", "submission_id", "snowflake_conn_id")
    ui_color = "#e1f5fe"

    def __init__(
        self,
        *,
        cluster_name: str,
        submission_id: str,
        snowflake_conn_id: str = "snowflake_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.cluster_name, self.submission_id = cluster_name, submission_id
        self.snowflake_conn_id, self.deferrable = snowflake_conn_id, deferrable

    def execute(self, context: Context) -> Any:
        """Wait here, or in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        from airflow_provider_raydp_spcs.triggers.ray_job import RayDPJobTrigger

        trigger = RayDPJobTrigger(
            self.cluster_name, self.submission_id, self.snowflake_conn_id, float(self.poke_interval)
        )
        return self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def poke(self, context: Context) -> bool:
        """Look once."""
        from airflow_provider_raydp_spcs.hooks.ray_jobs import RayJobsHook
        from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

        del context
        with (
            SpcsHook(snowflake_conn_id=self.snowflake_conn_id) as hook,
            RayJobsHook(self.cluster_name, hook).client() as client,
        ):
            info = client.info(self.submission_id)
            if info.status not in TERMINAL:
                self.log.info("job %s is %s", self.submission_id, info.status)
                return False
            check_end(info, client.logs(self.submission_id))
            return True

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """The trigger saw the end, or gave up."""
        from airflow_provider_raydp_spcs.jobs.errors import RayJobsError

        if "error" in event:
            raise RayJobsError(event["error"])
        if not self.poke(context):
            msg = f"job {self.submission_id} has not ended, although the trigger said so; clear the task to wait again"
            raise RayJobsError(msg)
