"""Taking a cluster back from outside the process that was killed while it made it.

A killed task has seconds until SIGKILL, fewer than services take to go, and statements that it had under way still take
effect. So a process of its own, in a session of its own, takes back what was made for as long as the maker's process
lives, and then once more.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.cluster import leasing
from airflow_provider_raydp_spcs.cluster.errors import ClusterError
from airflow_provider_raydp_spcs.spcs.errors import SpcsError

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.cluster.creation import Progress
    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters

PAUSE_SECONDS: Final = 0.5
SETTLE_SECONDS: Final = 2.0
"""How long a statement that was under way when its sender died may still take to have its effect seen."""
LONGEST_SECONDS: Final = 600.0
"""A maker that outlives its kill for so long is left to the reaper."""


@dataclass(frozen=True)
class Errand:
    """What is to be taken back.

    :param cluster: its name.
    :param owner: for whom it was made, as its COMMENT says.
    :param run: for which run.
    :param shared: give the run's lease back instead; the cluster goes where nobody else holds one.
    """

    cluster: str
    owner: str
    run: str
    shared: bool = False

    def do(self, clusters: Clusters, progress: Progress = lambda line: None, *, spare: bool = False) -> None:
        """Take it back; may be repeated.

        What cannot be taken back is told; nothing is raised, for the caller has an error of its own to raise.

        :param spare: leave a shared cluster alone even where nobody else holds a lease, for it is somebody else's.
        """
        holder = leasing.holder(self.owner, self.run)
        try:
            if not self.shared:
                clusters.take_back(self.cluster, self.owner, self.run, progress)
            elif not spare:
                leasing.leave(clusters, self.cluster, holder, progress)
            elif leasing.may_delete(clusters.client, self.cluster, holder, progress):
                leasing.closed(clusters.client, self.cluster, holder)
        except (SpcsError, ClusterError) as error:
            progress(f"cluster {self.cluster} could not be taken back: {error}")


@dataclass(frozen=True)
class _Order:
    errand: Errand
    connection: Mapping[str, Any] = field(repr=False)
    maker: int


def send(errand: Errand, connection: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start the process; it goes on whatever becomes of the caller, whose process is the maker.

    :param connection: arguments of ``snowflake.connector.connect``. They travel through a pipe, for they hold secrets.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    with process.stdin as pipe:
        pickle.dump(_Order(errand, dict(connection), os.getpid()), pipe)
    return process


def work(
    errand: Errand, clusters: Clusters, maker_lives: Callable[[], bool], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Take back until the maker is gone, and then once more."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while maker_lives() and time.monotonic() < deadline:
        errand.do(clusters)
        sleep(PAUSE_SECONDS)
    sleep(SETTLE_SECONDS)
    errand.do(clusters)


def main() -> None:
    """Read the order from standard input and carry it out."""
    import snowflake.connector

    from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
    from airflow_provider_raydp_spcs.spcs.client import SpcsClient
    from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

    order: _Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    with snowflake.connector.connect(**order.connection) as connection:
        work(order.errand, Clusters(SpcsClient(ConnectorSession(connection))), lambda: _lives(order.maker))


def _lives(process: int) -> bool:
    import psutil

    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    main()
