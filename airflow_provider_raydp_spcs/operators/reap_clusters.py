"""Delete expired RayDP clusters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.retries import policy_or_ours

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReapRayDPClustersOperator(BaseOperator):
    """Deletes the clusters of a schema that are past their time (``max_life_seconds``), and pools that were left behind.

    What somebody holds a lease of is spared. Run it in a DAG of its own, some times an hour.

    :param cluster_owner: only clusters of this owner, a DAG's id.
    :param max_age: also clusters older than this, whatever they were made for.
    :param only_tell: name them without deleting them.
    :param snowflake_conn_id: Airflow connection of the type ``snowflake``; ``database``, ``schema``, ``role`` and
        ``warehouse`` override its values.
    :returns: names of the clusters.
    """

    template_fields: Sequence[str] = ("cluster_owner", "snowflake_conn_id", "database", "schema", "role", "warehouse")
    ui_color = "#e1f5fe"

    def __init__(
        self,
        *,
        cluster_owner: str | None = None,
        max_age: timedelta | None = None,
        only_tell: bool = False,
        snowflake_conn_id: str = "snowflake_default",
        database: str | None = None,
        schema: str | None = None,
        role: str | None = None,
        warehouse: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["retry_policy"] = policy_or_ours(kwargs.get("retry_policy"))
        super().__init__(**kwargs)
        self.cluster_owner, self.max_age, self.only_tell = cluster_owner, max_age, only_tell
        self.snowflake_conn_id = snowflake_conn_id
        self.database, self.schema, self.role, self.warehouse = database, schema, role, warehouse

    def execute(self, context: Context) -> list[str]:
        """See the class."""
        from airflow_provider_raydp_spcs.cluster.reaper import find_expired, reap

        del context
        scope = SpcsScope(self.snowflake_conn_id, self.database, self.schema, self.role, self.warehouse)
        with scope.hook() as hook:
            found = find_expired(hook.client, datetime.now(UTC), max_age=self.max_age, owner=self.cluster_owner)
            reaped = reap(hook.clusters, found, dry_run=self.only_tell, progress=lambda line: self.log.info("%s", line))
            return [each.cluster for each in reaped]
