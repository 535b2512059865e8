"""What the sensors share: the connection, and waiting in the triggerer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from airflow_provider_raydp_spcs.cluster.errors import ClusterNotReadyError
from airflow_provider_raydp_spcs.hooks.scope import SpcsScope
from airflow_provider_raydp_spcs.operators import events
from airflow_provider_raydp_spcs.operators.base import GRACE
from airflow_provider_raydp_spcs.retries import policy_or_ours

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook


class RayDPSensor(BaseSensorOperator):
    """Base of the sensors about one cluster.

    :param cluster_name: the cluster.
    :param snowflake_conn_id: Airflow connection of the type ``snowflake``; ``database``, ``schema``, ``role`` and
        ``warehouse`` override its values.
    :param deferrable: wait in the triggerer, without a worker slot. Default: ``[operators] default_deferrable``.
    """

    template_fields: Sequence[str] = ("cluster_name", "snowflake_conn_id", "database", "schema", "role", "warehouse")
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
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        kwargs["retry_policy"] = policy_or_ours(kwargs.get("retry_policy"))
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.cluster_name, self.snowflake_conn_id = cluster_name, snowflake_conn_id
        self.database, self.schema, self.role, self.warehouse = database, schema, role, warehouse
        self.deferrable = deferrable

    _open: SpcsHook | None = None

    def spcs(self) -> AbstractContextManager[SpcsHook]:
        """A hook over the connection: one for all looks of the worker's waiting."""
        return self.scope.hook() if self._open is None else nullcontext(self._open)

    @property
    def scope(self) -> SpcsScope:
        """Where in Snowflake the cluster is."""
        return SpcsScope(self.snowflake_conn_id, self.database, self.schema, self.role, self.warehouse)

    def trigger(self, deadline: float) -> BaseTrigger:
        """What waits in the triggerer."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Wait here, or in the triggerer."""
        if not self.deferrable:
            with self.scope.hook() as self._open:
                return super().execute(context)
        if not self.poke(context):
            seconds = float(self.timeout)
            self.defer(
                trigger=self.trigger(time.time() + seconds),
                method_name="execute_complete",
                timeout=timedelta(seconds=seconds) + GRACE,
            )
        return None

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:
        """The trigger saw what was waited for, or gave up.

        :raises AirflowSensorTimeout: it did so because the time was over, as a sensor that waits in the worker.
        """
        del context
        try:
            events.check(event)
        except ClusterNotReadyError as error:
            raise AirflowSensorTimeout(str(error)) from error
