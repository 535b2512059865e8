"""Bringing a run's logs together on the stage: of the driver, of the executors, of the containers; and its metrics."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_raydp_spcs.cluster.metrics import JobTimes, MetricsSource, time_range, write_snapshot
from airflow_provider_raydp_spcs.cluster.monitoring import PROMETHEUS
from airflow_provider_raydp_spcs.cluster.naming import service_name
from airflow_provider_raydp_spcs.spcs.errors import SpcsError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.creation import Progress
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
    from airflow_provider_raydp_spcs.cluster.status import ServiceState
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient

EXECUTOR_LOGS: Final = re.compile(r"(raydp-java-worker|java-worker|worker)-.*\.(log|out|err)\Z")
"""What executors, the app master and Ray tasks write, by Ray's file names; empty files are left out."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.=-]+")
CONTAINER_LINES: Final = 100_000


class RayLogs(MetricsSource, Protocol):
    """Where logs of Ray come from: the Jobs API and the state API of the head."""

    def info(self, submission_id: str) -> JobTimes:
        """When a job ran."""
        ...

    def logs(self, submission_id: str) -> Iterator[bytes]:
        """The driver's log, in pieces."""
        ...

    def node_logs(self) -> Iterable[tuple[str, str]]:
        """Address of a node and name of a log file on it, for every node and file."""
        ...

    def read_log(self, node: str, file: str) -> Iterator[bytes]:
        """A log file's content."""
        ...


@dataclass(frozen=True)
class LogTarget:
    """Whose logs these are: ``@stage/<cluster>/<dag>/<run>/<task>/<try>``."""

    stage: str
    cluster: str
    dag: str
    run: str
    task: str
    attempt: int

    @property
    def path(self) -> str:
        """The folder on the stage; what a path cannot hold has become ``_``."""
        parts = [self.cluster.upper(), self.dag, self.run, self.task, str(self.attempt)]
        return "/".join([f"@{self.stage}", *(safe_part(part) for part in parts)])


def safe_part(text: str) -> str:
    """A text as one part of a stage path; run ids hold colons and plus signs."""
    return _UNSAFE.sub("_", text).strip(".") or "_"


@dataclass(frozen=True)
class Exported:
    """What was exported.

    :param files: names as LIST shows them.
    :param missing: what could not be had, in words.
    """

    files: tuple[str, ...]
    missing: tuple[str, ...]


def export_logs(
    client: SpcsClient,
    clusters: Clusters,
    target: LogTarget,
    submission_ids: Sequence[str],
    ray: RayLogs | None,
    progress: Progress = lambda line: None,
) -> Exported:
    """Collect the logs of a cluster's job and put them on the stage. May be repeated; files are replaced.

    Where the cluster has monitoring, a snapshot of the metrics (:mod:`~airflow_provider_raydp_spcs.cluster.metrics`) comes
    with them.

    What cannot be had (Ray does not answer, a container has not started) is told and left out; the rest is exported.

    :param ray: None where the head cannot be reached.
    :raises SpcsError: the stage cannot be written.
    """
    missing: list[str] = []
    services = clusters.status(target.cluster).services
    with tempfile.TemporaryDirectory(prefix="raydp-logs-") as name:
        folder = Path(name)
        if ray is None:
            missing.append("Ray's logs: the head does not answer")
        else:
            _driver_logs(ray, submission_ids, folder, missing)
            _executor_logs(ray, folder / "executors", missing)
            if (
                service_name(target.cluster, PROMETHEUS) in {state.service.name for state in services}
                and submission_ids
            ):
                _metrics(ray, submission_ids, folder / "metrics.parquet", missing, progress)
        _container_logs(client, services, folder / "containers", missing)
        if missing:
            (folder / "missing.txt").write_text("\n".join(missing) + "\n")
        for source in sorted({path.parent for path in folder.rglob("*") if path.is_file()}):
            relative = source.relative_to(folder).as_posix()
            files = [path for path in source.iterdir() if path.is_file()]
            # PUT takes no glob that matches a folder.
            whole = len(files) == len(list(source.iterdir()))
            for each in [source / "*"] if whole else files:
                client.stages.put(each, target.path if relative == "." else f"{target.path}/{relative}")
            progress(f"exported {len(files)} files to {target.path}/{'' if relative == '.' else relative}")
    return Exported(tuple(file.name for file in client.stages.files(f"{target.path}/")), tuple(missing))


def _driver_logs(ray: RayLogs, submission_ids: Sequence[str], folder: Path, missing: list[str]) -> None:
    for index, submission_id in enumerate(submission_ids):
        name = "driver.log" if index == 0 else f"driver-{safe_part(submission_id)}.log"
        try:
            with (folder / name).open("wb") as sink:
                sink.writelines(ray.logs(submission_id))
        except Exception as error:
            missing.append(f"driver of {submission_id}: {error}")


def _executor_logs(ray: RayLogs, folder: Path, missing: list[str]) -> None:
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


def _metrics(ray: RayLogs, submission_ids: Sequence[str], file: Path, missing: list[str], progress: Progress) -> None:
    try:
        start, end = time_range([ray.info(each) for each in submission_ids], time.time())
        rows = write_snapshot(ray, start, end, file)
    except Exception as error:
        file.unlink(missing_ok=True)
        missing.append(f"metrics: {error}")
    else:
        progress(f"{rows:,} values of metrics")


def _container_logs(client: SpcsClient, services: Iterable[ServiceState], folder: Path, missing: list[str]) -> None:
    folder.mkdir()
    for state in services:
        service = state.service
        full = f"{service.database_name}.{service.schema_name}.{service.name}"
        for container in client.services.containers(full):
            name = f"{service.name}-{container.instance_id}-{container.container_name}.log"
            try:
                text = client.services.logs(
                    full, container.instance_id, container.container_name, lines=CONTAINER_LINES
                )
            except SpcsError as error:
                missing.append(f"container {name}: {error}")
            else:
                (folder / safe_part(name)).write_text(text + "\n")
