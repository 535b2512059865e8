"""``python -m airflow_provider_raydp_spcs.node.ray_start start …``: Ray's own command, with more patience.

Ray gives a node 30 s to register, then ends it, and no setting changes that (``ray/_private/node.py`` of Ray 2.60). A node
registers once three Python processes beside it are up, which takes longer than that on one busy core, as a small instance
family has it. So the question whether the node has registered is answered a little later here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

START_SECONDS: Final = 180.0


def patient(
    get_node: Callable[..., Any],
    seconds: float = START_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[..., Any]:
    """Ray's ``get_node``, which raises RuntimeError as long as the node has not registered, but asked again until it has.

    :param seconds: how long.
    """

    def ask(*args: Any, **kwargs: Any) -> Any:
        deadline = clock() + seconds
        while True:
            try:
                return get_node(*args, **kwargs)
            except RuntimeError:
                if clock() >= deadline:
                    raise
                sleep(0.5)

    return ask


def main() -> None:
    """Run Ray's command line."""
    from ray._private import services
    from ray.scripts.scripts import main as ray

    services.get_node = patient(services.get_node)
    ray()


if __name__ == "__main__":
    main()
