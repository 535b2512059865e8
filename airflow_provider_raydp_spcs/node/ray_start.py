"""``python -m airflow_provider_raydp_spcs.node.ray_start start …``: Ray's own command, without a race of its own.

A raylet must know the port on which the dashboard agent beside it listens. Ray 2.60 pins that port for the agent, but does
not hand it to the raylet (``start_raylet`` in ``ray/_private/services.py``): the raylet waits 15 s for the agent to write it
into a file, and aborts where the agent is slower, as it is on a busy core. The port is known from the start, so here it
stands in that file before the raylet looks; the agent writes the same number later.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def telling_the_port(start_raylet: Callable[..., Any], persist: Callable[[str, str, int], None]) -> Callable[..., Any]:
    """Ray's ``start_raylet``, which first writes down a pinned port of the dashboard agent.

    :param persist: writes a port down, given the session's folder and the node's id.
    """
    signature = inspect.signature(start_raylet)

    def start(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        if port := given.get("dashboard_agent_listen_port"):
            persist(given["session_dir"], given["node_id"], int(port))
        return start_raylet(*args, **kwargs)

    return start


def persist_agent_port(session_dir: str, node_id: str, port: int) -> None:
    """Write the port where the raylet of this node looks for it."""
    from ray._raylet import DASHBOARD_AGENT_LISTEN_PORT_NAME, persist_port  # type: ignore[attr-defined]

    persist_port(session_dir, node_id, DASHBOARD_AGENT_LISTEN_PORT_NAME, port)


def main() -> None:
    """Run Ray's command line."""
    from ray._private import services
    from ray.scripts.scripts import main as ray

    services.start_raylet = telling_the_port(services.start_raylet, persist_agent_port)
    ray()


if __name__ == "__main__":
    main()
