"""The dead-man's switch of a cluster: its head ends it when it is too old, or idle for too long.

It works when nobody outside is left to do so. Snowflake's own AUTO_SUSPEND_SECS is no help, for it does not exist for
services with public endpoints (SPCS reference 8.2, point 8).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster import power
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.node.errors import JobsUnknownError
from airflow_provider_raydp_spcs.node.settings import NodeSettings
from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.warm.places import METADATA
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

LOOK_SECONDS: Final = 10.0
_BUSY: Final = frozenset({"PENDING", "RUNNING"})
Say = Callable[[str], None]
Jobs = Callable[[], Sequence[dict[str, Any]]]
OpenClusters = Callable[[], AbstractContextManager[Clusters]]


def start(settings: NodeSettings, address: str, say: Say, every: float = LOOK_SECONDS) -> threading.Thread | None:
    """Watch this head's cluster from a thread of its own; answer None where no limit is set.

    :param address: of this node, where Ray's dashboard answers.
    :param say: takes each line for the container's log.
    :param every: seconds between looks.
    """
    if settings.max_life_seconds is None and settings.max_idle_seconds is None:
        return None
    switch = DeadMansSwitch(settings, lambda: ray_jobs(address), own_clusters, say)
    thread = threading.Thread(target=switch.run, args=(every,), daemon=True, name="lifetime")
    thread.start()
    return thread


class DeadMansSwitch:
    """Decides when the cluster has to go, and sees to it.

    :param jobs: Ray's jobs as its Jobs API tells of them.
    :param clusters: opens the clusters of the schema, over a connection that is closed after use.
    :param say: takes each line for the log.
    :param now: seconds since the epoch.
    """

    def __init__(
        self,
        settings: NodeSettings,
        jobs: Jobs,
        clusters: OpenClusters,
        say: Say,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._jobs, self._clusters, self._say, self._now = settings, jobs, clusters, say, now
        self._started = self._last_busy = now()
        self._created: float | None = None
        self._complaints: set[str] = set()
        self._rules = ((self._too_old, "drop"), (self._too_idle, settings.idle_action))

    def run(self, every: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Look every so many seconds, until the cluster's end was brought about."""
        while True:
            sleep(every)
            if self.look():
                return

    def look(self) -> bool:
        """Look once; answer whether Snowflake took the order to end the cluster. Errors are said, never raised."""
        complaints = set()
        for find_reason, action in self._rules:
            try:
                if find_reason() and self._act(find_reason, action):
                    return True
            except Exception as error:  # a switch that dies of an error is none
                complaints.add(f"lifetime: {type(error).__name__}: {error}; trying again")
        for complaint in sorted(complaints - self._complaints):
            self._say(complaint)
        self._complaints = complaints
        return False

    def _act(self, find_reason: Callable[[], str | None], action: str) -> bool:
        with self._clusters() as clusters:
            # Connecting takes seconds, in which a job may have come.
            reason = find_reason()
            if reason is None:
                return False
            self._say(f"lifetime: {action} cluster {self._settings.cluster}, for {reason}")
            act = power.suspend if action == "suspend" else power.drop_from_inside
            act(clusters, self._settings.cluster, lambda line: self._say(f"lifetime: {line}"))
        return True

    def _too_old(self) -> str | None:
        limit = self._settings.max_life_seconds
        if limit is None:
            return None
        if self._created is None:
            # The service's age, not the container's: a restart is no new life.
            with self._clusters() as clusters:
                created = clusters.head_state(self._settings.cluster).service.created_on
            self._created = created.timestamp() if created else self._started
        age = self._now() - self._created
        return f"it is {age:.0f} s old, and max_life_seconds is {limit}" if age >= limit else None

    def _too_idle(self) -> str | None:
        limit = self._settings.max_idle_seconds
        if limit is None:
            return None
        jobs, now = self._jobs(), self._now()
        if any(job.get("status") in _BUSY and not _is_kept(job) for job in jobs):
            self._last_busy = now
            return None
        ends = (float(job.get("end_time") or 0) / 1000 for job in jobs)
        self._last_busy = max(self._last_busy, *ends, 0.0)
        idle = now - self._last_busy
        return f"no Ray job has run for {idle:.0f} s, and max_idle_seconds is {limit}" if idle >= limit else None


def _is_kept(job: Mapping[str, Any]) -> bool:
    """Whether a job is a warm session, which is there for jobs and is no work itself."""
    return METADATA in (job.get("metadata") or {})


def ray_jobs(address: str) -> list[dict[str, Any]]:
    """All jobs of the Ray that runs at this address, both submitted ones and bare drivers.

    :raises JobsUnknownError: Ray does not answer, or not with a list.
    """
    link = http.client.HTTPConnection(address, ports.DASHBOARD, timeout=10)
    try:
        link.request("GET", "/api/jobs/")
        reply = link.getresponse()
        body = reply.read()
        if reply.status == 200 and isinstance(jobs := json.loads(body), list):
            return jobs
        reason = f"HTTP {reply.status}: {body[:200].decode(errors='replace')}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = str(error)
    finally:
        link.close()
    msg = f"Ray at {address}:{ports.DASHBOARD} does not tell its jobs ({reason})"
    raise JobsUnknownError(msg)


@contextlib.contextmanager
def own_clusters() -> Iterator[Clusters]:
    """The clusters of this service's schema, with this container's own token."""
    with connection(client_session_keep_alive=False, login_timeout=30, network_timeout=60) as link:
        yield Clusters(SpcsClient(ConnectorSession(link)))
