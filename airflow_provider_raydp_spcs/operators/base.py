"""What the operators share: the connection, how a run is named, links, and which errors are tried again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseOperator

from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.links.raydp import RayDPLink
from airflow_provider_raydp_spcs.links.tries import keep
from airflow_provider_raydp_spcs.retries import policy_or_ours
from airflow_provider_raydp_spcs.spcs.errors import SpcsError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook

GRACE: Final = timedelta(minutes=10)
"""Airflow's own timeout of a deferral fails a task without cleaning up; so ours comes first, by this much."""
JOB_XCOM: Final = "raydp_job"
"""Key under which a submit task tells which job it runs, before the job runs."""


class RayDPOperator(BaseOperator):
    """Base of the operators about one cluster.

    Errors that no retry mends (credentials, privileges, specifications, wrong input) fail the task at once; see
    :class:`~airflow_provider_raydp_spcs.retries.RayDPRetryPolicy`, which ``retry_policy`` replaces.

    :param cluster_name: the cluster.
    :param snowflake_conn_id: Airflow connection of the type ``snowflake``.
    :param database: overrides the connection's.
    :param schema: overrides the connection's.
    :param role: overrides the connection's.
    :param warehouse: overrides the connection's.
    """

    template_fields: Sequence[str] = (
        "cluster_name",
        "snowflake_conn_id",
        "database",
        "schema",
        "role",
        "warehouse",
    )
    ui_color = "#e1f5fe"

    def __init__(
        self,
        *,
        cluster_name: str,
        snowflake_conn_id: str = "snowflake_default",
        database: str | None = None,
        schema: str | None = None,
        role: str | None = None,
        warehouse: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["retry_policy"] = policy_or_ours(kwargs.get("retry_policy"))
        super().__init__(**kwargs)
        self.cluster_name = cluster_name
        self.snowflake_conn_id = snowflake_conn_id
        self.database, self.schema, self.role, self.warehouse = database, schema, role, warehouse

    @property
    def scope(self) -> SpcsScope:
        """Where in Snowflake the cluster is."""
        return SpcsScope(self.snowflake_conn_id, self.database, self.schema, self.role, self.warehouse)

    def spcs(self) -> SpcsHook:
        """A hook over the connection; use it as a context manager."""
        return self.scope.hook()

    def say(self, line: str) -> None:
        """One line in the task's log."""
        self.log.info("%s", line)

    def within(self, deadline: float | None, began: float) -> float | None:
        """The deadline of a wait in the triggerer. Airflow's ``execution_timeout`` counts in a worker only, so it is here, too.

        :param deadline: of what is waited for; None for none. Like the result in seconds since 1970.
        :param began: when the try began.
        """
        if self.execution_timeout is None:
            return deadline
        limit = began + self.execution_timeout.total_seconds()
        return limit if deadline is None else min(deadline, limit)

    def pre_execute(self, context: Context) -> None:
        """See the base class. Airflow sets all links anew at a task's end, empty ones too; :meth:`link` has set them."""
        super().pre_execute(context)
        self.operator_extra_links = [each for each in self.operator_extra_links if not isinstance(each, RayDPLink)]

    def link(self, context: Context, pages: Mapping[str, str], submission_id: str = "") -> None:
        """Fill the task's links while it runs; Airflow drops its XComs when the next try starts, so a record keeps them.

        :param pages: of the cluster's endpoints and its page in Snowsight: name → ``https://…``.
        """
        links = [each for each in type(self).operator_extra_links if isinstance(each, RayDPLink)]
        found = {each.xcom_key: target for each in links if (target := each.target(pages, submission_id))}
        for key, target in found.items():
            context["ti"].xcom_push(key=key, value=target)
        if found:
            keep(context["task_state_store"], int(context["ti"].try_number), found)

    def link_pages(
        self, hook: SpcsHook, context: Context, submission_id: str = "", known: Mapping[str, str] | None = None
    ) -> None:
        """Fill the links with whatever can be opened by now; that this cannot be found out is no reason to fail.

        :param known: pages that are known already.
        """
        pages = dict(known or {})
        try:
            pages.update(hook.clusters.pages(self.cluster_name))
        except (SpcsError, ClusterError) as error:
            self.log.warning("some links stay empty: %s", error)
        self.link(context, pages, submission_id)


def poll_seconds(own: float | None, fallback: float, *, deferred: bool) -> float:
    """Seconds between looks: the operator's own, else those of Airflow's configuration, section ``raydp_spcs``."""
    option = "deferred_poll_interval" if deferred else "job_poll_interval"
    return own or float(conf.getfloat("raydp_spcs", option, fallback=fallback))


def run_names(context: Context) -> dict[str, Any]:
    """Names of this task's run: dag_id, run_id, task_id, map_index, try_number."""
    instance = context["ti"]
    map_index = getattr(instance, "map_index", None)
    return {
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "map_index": -1 if map_index is None else map_index,
        "try_number": instance.try_number,
    }
