"""The links: filled by the operators as soon as an address is known, so that they open while the task runs.

Their targets are kept as XComs of the task's try; the API server reads those and runs none of this.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_provider_raydp_spcs.cluster.endpoints import DASHBOARD, GRAFANA, NOTEBOOK, SNOWSIGHT

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class RayDPLink(BaseOperatorLink):
    """Base: a link whose target the operator keeps."""

    @abstractmethod
    def target(self, addresses: Mapping[str, str], submission_id: str) -> str:
        """Where it leads; empty where there is no such thing.

        :param addresses: of the cluster's endpoints and its page in Snowsight: name → ``https://…``.
        """

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """What was kept while the task ran."""
        from airflow.sdk.bases.xcom import BaseXCom

        del operator
        return str(BaseXCom.get_one(key=self.xcom_key, **_task(ti_key)) or "")


class RayDashboardLink(RayDPLink):
    """The Ray dashboard."""

    name = "Ray dashboard"

    def target(self, addresses: Mapping[str, str], submission_id: str) -> str:
        """See the base class."""
        return addresses.get(DASHBOARD, "")


class RayJobLink(RayDPLink):
    """The job's page in the Ray dashboard."""

    name = "Ray job"

    def target(self, addresses: Mapping[str, str], submission_id: str) -> str:
        """See the base class."""
        dashboard = addresses.get(DASHBOARD)
        return f"{dashboard}/#/jobs/{submission_id}" if dashboard and submission_id else ""


class GrafanaLink(RayDPLink):
    """Grafana, where the cluster has monitoring."""

    name = "Grafana"

    def target(self, addresses: Mapping[str, str], submission_id: str) -> str:
        """See the base class."""
        return addresses.get(GRAFANA, "")


class JupyterLink(RayDPLink):
    """Jupyter Lab on the head, where the cluster has a notebook."""

    name = "Jupyter"

    def target(self, addresses: Mapping[str, str], submission_id: str) -> str:
        """See the base class."""
        return addresses.get(NOTEBOOK, "")


class SnowsightLink(RayDPLink):
    """The head's service in Snowsight."""

    name = "Snowsight service"

    def target(self, addresses: Mapping[str, str], submission_id: str) -> str:
        """See the base class."""
        return addresses.get(SNOWSIGHT, "")


def _task(key: TaskInstanceKey) -> dict[str, Any]:
    return {"dag_id": key.dag_id, "task_id": key.task_id, "run_id": key.run_id, "map_index": key.map_index}


CLUSTER_LINKS = (RayDashboardLink(), GrafanaLink(), JupyterLink(), SnowsightLink())
JOB_LINKS = (RayDashboardLink(), RayJobLink(), GrafanaLink(), JupyterLink(), SnowsightLink())
