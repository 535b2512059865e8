"""Logs of a run that pass through whoever exports them: from Ray's API where nodes cannot ship theirs, from Snowflake those
of containers, and from the stage what nodes had shipped before they died.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_raydp_spcs.cluster.log_pieces import dead_node
from airflow_provider_raydp_spcs.cluster.log_places import (
    EXECUTOR_LOGS,
    LIVE,
    Boot,
    boots_since,
    driver_names,
    safe_part,
)
from airflow_provider_raydp_spcs.cluster.naming import cluster_name
from airflow_provider_raydp_spcs.spcs.errors import SpcsError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.status import ServiceState
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient

CONTAINER_LINES: Final = 100_000


class LogsByHttp(Protocol):
    """Ray's own logs as its API has them."""

    def logs(self, submission_id: str) -> Iterator[bytes]:
        """The driver's log, in pieces."""
        ...

    def node_logs(self) -> Iterable[tuple[str, str]]:
        """Address of a node and name of a log file on it, for every node and file."""
        ...

    def read_log(self, node: str, file: str) -> Iterator[bytes]:
        """A log file's content."""
        ...


def fetch_drivers(ray: LogsByHttp, submission_ids: Sequence[str], folder: Path, missing: list[str]) -> None:
    """The drivers' logs; what cannot be had is told."""
    for name, submission_id in driver_names(submission_ids):
        try:
            with (folder / name).open("wb") as sink:
                sink.writelines(ray.logs(submission_id))
        except Exception as error:
            missing.append(f"driver of {submission_id}: {error}")


def fetch_executors(ray: LogsByHttp, folder: Path, missing: list[str]) -> None:
    """The logs of executors on every node; what cannot be had is told."""
    try:
        found = [(node, file) for node, file in ray.node_logs() if EXECUTOR_LOGS.match(file)]
    except Exception as error:
        missing.append(f"executors: {error}")
        return
    for node, file in found:
        target = folder / safe_part(node) / safe_part(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as sink:
                sink.writelines(ray.read_log(node, file))
        except Exception as error:
            missing.append(f"{file} of {node}: {error}")
        if not target.stat().st_size:
            target.unlink()


def fetch_containers(client: SpcsClient, services: Iterable[ServiceState], folder: Path, missing: list[str]) -> None:
    """The logs of containers as Snowflake keeps them; what cannot be had is told."""
    folder.mkdir()
    for state in services:
        service = state.service
        for container in client.services.containers(service.full_name):
            name = f"{service.name}-{container.instance_id}-{container.container_name}.log"
            try:
                text = client.services.logs(
                    service.full_name, container.instance_id, container.container_name, lines=CONTAINER_LINES
                )
            except SpcsError as error:
                missing.append(f"container {name}: {error}")
            else:
                (folder / safe_part(name)).write_text(text + "\n")


def fetch_shipped(
    client: SpcsClient,
    stage: str,
    cluster: str,
    since: float,
    submission_ids: Sequence[str],
    scratch: Path,
    folder: Path,
    missing: list[str],
) -> int:
    """What nodes had shipped while they ran, put together as they would have exported it; answers how many files.

    :param stage: its name, without ``@``.
    :param since: seconds since 1970 from which on nodes were this cluster's.
    :param scratch: a folder for the pieces.
    :param folder: where the run's logs come together.
    """
    place = f"{LIVE}/{cluster_name(cluster)}/"
    parts = [file.path.partition(place)[2].split("/") for file in client.stages.files(f"@{stage}/{place}")]
    boots = {boot for part in parts if len(part) == 2 and (boot := Boot.read(part[0])) is not None}
    there: set[str] = set()
    for boot in boots_since(boots, since):
        pieces = scratch / str(boot)
        client.stages.get(f"@{stage}/{place}{boot}/", pieces)
        try:
            there.update(path for path, _, _ in dead_node(pieces, folder, boot, submission_ids, there, _writing))
        except OSError as error:
            missing.append(f"what node {boot} had shipped: {error}")
    return len(there)


@contextmanager
def _writing(target: Path) -> Iterator[BufferedWriter]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as sink:
        yield sink
