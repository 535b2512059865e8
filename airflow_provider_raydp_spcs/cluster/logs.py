"""Bringing a run's logs together on the stage: of the driver, of the executors, of the containers; and its metrics.

Every node exports its own, side by side, straight to the stage that it has mounted (``node.log_gathering``); what nodes
that died had shipped while they ran comes with them. Only what no node has goes through here.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from airflow_provider_raydp_spcs.cluster.fetched_logs import (
    LogsByHttp,
    fetch_containers,
    fetch_drivers,
    fetch_executors,
    fetch_shipped,
)
from airflow_provider_raydp_spcs.cluster.log_places import safe_part
from airflow_provider_raydp_spcs.cluster.metrics import JobTimes, MetricsSource, time_range, write_snapshot
from airflow_provider_raydp_spcs.cluster.monitoring import PROMETHEUS
from airflow_provider_raydp_spcs.cluster.naming import HEAD, service_name
from airflow_provider_raydp_spcs.cluster.status import not_found

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.creation import Progress
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
    from airflow_provider_raydp_spcs.cluster.status import ServiceState
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient
    from airflow_provider_raydp_spcs.spcs.stages import StageFile

CHECKSUMS: Final = "checksums.md5"
"""In a run's folder: the MD5 of every file, as ``md5sum --check`` reads it."""
MISSING: Final = "missing.txt"
ARRIVAL_LOOKS: Final = 30
ARRIVAL_PAUSE: Final = 1.0
"""How often, and how far apart in seconds, a stage is asked for what was written to its mount (SPCS reference, part 5)."""
_MD5: Final = re.compile(r"[0-9a-f]{32}\Z")
_PADDING: Final = 16
"""By so many bytes at most a file grows that is encrypted before it goes to its stage."""


class RayLogs(LogsByHttp, MetricsSource, Protocol):
    """Where logs of Ray come from: the head's job files, the Jobs API and the state API."""

    def info(self, submission_id: str) -> JobTimes:
        """When a job ran."""
        ...

    def export_logs(self, order: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the nodes answer to an order to export (``node.log_gathering``); None where they know no such order."""
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
    def folder(self) -> str:
        """The folder on the stage; what a path cannot hold has become ``_``."""
        parts = [self.cluster.upper(), self.dag, self.run, self.task, str(self.attempt)]
        return "/".join(safe_part(part) for part in parts)

    @property
    def path(self) -> str:
        """The same with the stage."""
        return f"@{self.stage}/{self.folder}"


@dataclass(frozen=True)
class Exported:
    """What was exported.

    :param files: names as LIST shows them.
    :param missing: what could not be had, in words.
    """

    files: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Shipped:
    """A file that a node has written to the stage.

    :param path: below the run's folder.
    """

    path: str
    size: int
    md5: str

    def is_there(self, listed: StageFile | None) -> bool:
        """Whether LIST shows this very file. Of a large or encrypted one it tells no MD5 of the content."""
        if listed is None or not self.has_size_of(listed):
            return False
        return listed.size != self.size or listed.md5 == self.md5 or not _MD5.match(listed.md5)

    def has_size_of(self, listed: StageFile | None) -> bool:
        """Whether LIST shows as many bytes, padding of an encrypted file apart."""
        return listed is not None and 0 <= listed.size - self.size <= _PADDING


def export_logs(
    client: SpcsClient,
    clusters: Clusters,
    target: LogTarget,
    submission_ids: Sequence[str],
    ray: RayLogs | None,
    progress: Progress = lambda line: None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Exported:
    """Collect the logs of a cluster's job on the stage. May be repeated: files are replaced, and none is there twice.

    Where the cluster has monitoring, a snapshot of the metrics (:mod:`~airflow_provider_raydp_spcs.cluster.metrics`) comes
    with them. Where the head does not answer, or the cluster is gone, its nodes' logs are those that they had shipped.

    What cannot be had (a node does not answer, a container has not started) is told and left out; the rest is exported.

    :param ray: None where the head cannot be reached.
    :raises ClusterNotFoundError: there is no such cluster, and no node has shipped anything.
    :raises SpcsError: the stage cannot be written.
    """
    missing: list[str] = []
    shipped: list[Shipped] = []
    services = clusters.find(target.cluster).services
    since = _since(services, target.cluster)
    with tempfile.TemporaryDirectory(prefix="raydp-logs-") as name:
        folder, scratch = Path(name) / "run", Path(name) / "pieces"
        folder.mkdir()
        if ray is None:
            found = fetch_shipped(client, target.stage, target.cluster, since, submission_ids, scratch, folder, missing)
            if not services and not found:
                raise not_found(target.cluster)
            rest = ", so there is only what its nodes had shipped" if found else ""
            missing.append(f"Ray's logs: the head does not answer{rest}")
        else:
            stage = clusters.in_scope(target.stage)
            by_nodes = _by_nodes(ray, stage, target.folder, submission_ids, since, missing, progress)
            if by_nodes is None:
                fetch_drivers(ray, submission_ids, folder, missing)
                fetch_executors(ray, folder / "executors", missing)
            else:
                shipped = by_nodes
            if (
                service_name(target.cluster, PROMETHEUS) in {state.service.name for state in services}
                and submission_ids
            ):
                _metrics(ray, submission_ids, folder / "metrics.parquet", missing, progress)
        fetch_containers(client, services, folder / "containers", missing)
        _tell_missing(folder, missing)
        (folder / CHECKSUMS).write_text(_checksums(folder, shipped))
        _put(client, folder, target, progress)
        files, late = _arrival(client, target, shipped, sleep)
        if late:
            missing += late
            _tell_missing(folder, missing)
            (folder / CHECKSUMS).write_text(_checksums(folder, shipped))
            for each in (MISSING, CHECKSUMS):
                client.stages.put(folder / each, target.path)
            files |= {file.name for file in client.stages.files(f"{target.path}/{MISSING}")}
    if not missing and (stale := {file for file in files if file.endswith(f"/{target.folder}/{MISSING}")}):
        client.stages.remove(f"{target.path}/{MISSING}")  # an earlier export of this run lacked something
        files -= stale
    return Exported(tuple(sorted(files)), tuple(missing))


def _tell_missing(folder: Path, missing: Sequence[str]) -> None:
    if missing:
        (folder / MISSING).write_text("\n".join(missing) + "\n")


def _since(services: Sequence[ServiceState], cluster: str) -> float:
    """When the cluster began, seconds since 1970; what was shipped before is of another one of this name."""
    head = service_name(cluster, HEAD)
    for state in services:
        if state.service.name == head and state.service.created_on is not None:
            return state.service.created_on.timestamp()
    return 0.0


def _by_nodes(
    ray: RayLogs,
    stage: str,
    folder: str,
    submission_ids: Sequence[str],
    since: float,
    missing: list[str],
    progress: Progress,
) -> list[Shipped] | None:
    """Have the nodes export; None where they cannot."""
    order = {
        "token": uuid.uuid4().hex, "stage": f"@{stage}", "folder": folder, "jobs": list(submission_ids), "since": since,
    }  # fmt: skip
    began = time.monotonic()
    try:
        answer = ray.export_logs(order)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    if answer is None or "files" not in answer:
        why = "its image is of another version" if answer is None else answer.get("refused") or answer.get("error")
        progress(f"the nodes cannot export their logs themselves ({why}); they are fetched")
        return None
    missing += [str(each) for each in answer["missing"]]
    found = [Shipped(str(path), int(size), str(md5)) for path, size, md5 in answer["files"]]
    total, seconds = sum(each.size for each in found), time.monotonic() - began
    progress(f"the nodes exported {len(found):,} files, {total:,} bytes, in {seconds:.1f} s")
    return found


def _arrival(
    client: SpcsClient, target: LogTarget, shipped: Sequence[Shipped], sleep: Callable[[float], None]
) -> tuple[set[str], list[str]]:
    """What the stage has, and what it lacks, in words, of what nodes wrote to its mount: byte for byte, as far as it tells."""
    for left in reversed(range(ARRIVAL_LOOKS)):
        listed = {file.path: file for file in client.stages.files(f"{target.path}/")}
        seen = [(each, listed.get(f"{target.folder}/{each.path}")) for each in shipped]
        lacking = [each for each, file in seen if not each.is_there(file)]
        if len(lacking) == len(seen):
            # Not one is right: what this stage tells (of files under keys of a cloud's key service, say) is no MD5 of contents.
            lacking = [each for each, file in seen if not each.has_size_of(file)]
        if not lacking:
            break
        if left:
            sleep(ARRIVAL_PAUSE)
    words = [f"{each.path}: the stage does not show the {each.size:,} bytes that its node wrote" for each in lacking]
    return {file.name for file in listed.values()}, words


def _checksums(folder: Path, shipped: Sequence[Shipped]) -> str:
    sums = {each.path: each.md5 for each in shipped}
    for path in folder.rglob("*"):
        if path.is_file() and path != folder / CHECKSUMS:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            sums[path.relative_to(folder).as_posix()] = digest.hexdigest()
    return "".join(f"{md5}  {path}\n" for path, md5 in sorted(sums.items()))


def _put(client: SpcsClient, folder: Path, target: LogTarget, progress: Progress) -> None:
    for source in sorted({path.parent for path in folder.rglob("*") if path.is_file()}):
        relative = source.relative_to(folder).as_posix()
        files = [path for path in source.iterdir() if path.is_file()]
        # PUT takes no glob that matches a folder.
        whole = len(files) == len(list(source.iterdir()))
        for each in [source / "*"] if whole else files:
            client.stages.put(each, target.path if relative == "." else f"{target.path}/{relative}")
        progress(f"exported {len(files)} files to {target.path}/{'' if relative == '.' else relative}")


def _metrics(ray: RayLogs, submission_ids: Sequence[str], file: Path, missing: list[str], progress: Progress) -> None:
    try:
        start, end = time_range([ray.info(each) for each in submission_ids], time.time())
        rows = write_snapshot(ray, start, end, file)
    except Exception as error:
        with contextlib.suppress(OSError):
            file.unlink()
        missing.append(f"metrics: {error}")
    else:
        progress(f"{rows:,} values of metrics")
