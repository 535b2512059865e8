"""Everything that one node does about its logs, put together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Self

from airflow_provider_raydp_spcs.node import log_door
from airflow_provider_raydp_spcs.node.log_export import NodeExport
from airflow_provider_raydp_spcs.node.log_gathering import Gathering, living_nodes
from airflow_provider_raydp_spcs.node.log_orders import Orders
from airflow_provider_raydp_spcs.node.log_shipping import LogShipping, boot_of
from airflow_provider_raydp_spcs.node.settings import NodeSettings, Role


@dataclass(frozen=True)
class LogRoom:
    """What runs.

    :param exports: does orders to export the cluster's logs; None on workers.
    """

    shipping: LogShipping
    door: ThreadingHTTPServer
    exports: Orders | None

    @classmethod
    def of(cls, settings: NodeSettings, address: str, say: Callable[[str], None]) -> Self | None:
        """Begin to ship this node's logs, and to take orders about them; None where no stage is mounted.

        :raises OSError: the door's port is taken.
        """
        if settings.logs_dir is None:
            return None
        is_head = settings.role is Role.HEAD
        logs, stage, boot = settings.ray_dir / "session_latest" / "logs", settings.logs_dir, boot_of(address)
        keep = dt.timedelta(days=settings.live_log_days) if is_head else None
        shipping = LogShipping(logs, stage, settings.cluster, boot, say, keep=keep)
        export = NodeExport(logs, stage, boot)
        door = log_door.serve(address, Orders(export.export))
        exports = None
        if is_head:
            nodes = partial(living_nodes, address)
            gathering = Gathering(export, logs, stage, settings.logs_stage, settings.cluster, nodes, log_door.ask)
            exports = Orders(gathering.gather)
        shipping.start()
        return cls(shipping, door, exports)
