"""Airflow's plugin of this provider: the links of a task are those of the try that is looked at.

An operator's own links, as the API server shows them, are the latest try's whatever try is looked at. Links of a plugin
are told the try, so these stand before them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowPlugin
from airflow.sdk import BaseOperatorLink

from airflow_provider_raydp_spcs.links.raydp import CLUSTER_LINKS, JOB_LINKS, RayDPLink
from airflow_provider_raydp_spcs.links.tries import KEY, of_try

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class LinkOfTry(BaseOperatorLink):
    """A link as it was in a try.

    :param link: the operators' own.
    """

    def __init__(self, link: RayDPLink) -> None:
        self._link = link

    @property
    def name(self) -> str:
        """See the base class."""
        return str(self._link.name)

    @property
    def xcom_key(self) -> str:
        """See the base class."""
        return self._link.xcom_key

    @property
    def operators(self) -> list[type[BaseOperator]]:  # type: ignore[override]
        """The operators that have it; imported by the API server and not by workers, which load plugins as well."""
        from airflow_provider_raydp_spcs.decorators.raydp import RayDPDecoratedOperator
        from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
        from airflow_provider_raydp_spcs.operators.resume_cluster import ResumeRayDPClusterOperator
        from airflow_provider_raydp_spcs.operators.scale_cluster import ScaleRayDPClusterOperator
        from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator

        jobs: list[Any] = [RayDPDecoratedOperator, SubmitRayDPJobOperator] if self._link in JOB_LINKS else []
        clusters: list[Any] = [CreateRayDPClusterOperator, ResumeRayDPClusterOperator, ScaleRayDPClusterOperator]
        return jobs + (clusters if self._link in CLUSTER_LINKS else [])

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Where it led in the try; without a record of tries, where the latest try's leads.

        Runs in the API server.
        """
        from airflow.serialization.definitions.operatorlink import XComOperatorLink
        from airflow.state import TaskScope, get_state_backend

        scope = TaskScope(
            dag_id=ti_key.dag_id, run_id=ti_key.run_id, task_id=ti_key.task_id, map_index=ti_key.map_index
        )
        kept = get_state_backend().get(scope, KEY)
        found = of_try(json.loads(kept), ti_key.try_number) if kept else None
        if found is not None:
            return found.get(self.xcom_key, "")
        return XComOperatorLink(self.name, self.xcom_key).get_link(operator, ti_key=ti_key)  # type: ignore[arg-type]


class RayDPPlugin(AirflowPlugin):
    """Registered through the entry point ``airflow.plugins``."""

    name = "raydp_spcs"
    operator_extra_links = [LinkOfTry(link) for link in JOB_LINKS]
