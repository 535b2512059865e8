"""Proof that nothing is left running: asked of Snowflake and of the operating system, not assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.client import SpcsClient

if TYPE_CHECKING:
    import psutil


class LeftoversError(RuntimeError):
    """Something of the demo is still there after its end; the message names it."""


def delete_earlier(client: SpcsClient, progress: Callable[[str], None]) -> None:
    """Delete the clusters that a demo left behind when it was interrupted; the local Snowflake remembers them."""
    found = {comment.cluster for _, comment in _own_pools(client)}
    for cluster in sorted(found):
        progress(f"deleting {cluster}, which an interrupted run left behind")
        Clusters(client).delete(cluster)


def check_services_gone(client: SpcsClient) -> None:
    """No service and no compute pool of a cluster may be left in the account, which has pools of its own.

    :raises LeftoversError: names what is left.
    """
    services = [service.name for service in client.services.show()]
    pools = [name for name, _ in _own_pools(client)]
    if services or pools:
        msg = f"After the DAG run there are still services {services} and compute pools {pools}"
        raise LeftoversError(msg)


def _own_pools(client: SpcsClient) -> list[tuple[str, ClusterComment]]:
    pools = ((pool.name, ClusterComment.read(pool.comment)) for pool in client.compute_pools.show())
    return [(name, comment) for name, comment in pools if comment is not None]


def processes_of(folder: Path) -> list[str]:
    """Processes of this user that run with a file or folder below ``folder``, as ``pid command``.

    Every process of the local Snowflake and of its services has the folder's path in its arguments, its working
    directory or its environment.
    """
    import psutil

    marker = str(folder)
    own = {process.pid for process in [psutil.Process(), *psutil.Process().parents()]}
    found = []
    for process in psutil.process_iter(["pid", "name"]):
        if process.pid in own:
            continue
        if any(marker in text for text in _texts_of(process)):
            found.append(f"{process.pid} {process.info['name']}")
    return found


def check_processes_gone(folder: Path) -> None:
    """No process of the local Snowflake, of Ray or of Spark may be left.

    :raises LeftoversError: names the processes.
    """
    left = processes_of(folder)
    if left:
        msg = f"After the end these processes of the demo still run: {', '.join(left)}"
        raise LeftoversError(msg)


def _texts_of(process: psutil.Process) -> Iterable[str]:
    import psutil

    try:
        yield from process.cmdline()
        yield process.cwd()
        yield from process.environ().values()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return
