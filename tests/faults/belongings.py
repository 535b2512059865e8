"""What a system holds at a moment: everything that a fault could leave behind."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.local.runtimes.process import containers_of_processes
from airflow_provider_raydp_spcs.local.services.system_pools import SYSTEM_POOLS
from airflow_provider_raydp_spcs.spcs.leases import GATE
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession

SCHEMA: Final = "RAYDP_SIS_DB.RAYDP_SIS_CORE_SCHEMA"
_IDLE: Final = ("ray::IDLE", "?")
"""Ray keeps some workers for the next task, as many as it likes."""
_TITLED: Final = {
    "ray::DashboardAgent": re.compile(r"\S+ (-\S+ )*\S+/dashboard/agent\.py "),
    "ray::RuntimeEnvAgent": re.compile(r"\S+ (-\S+ )*\S+/runtime_env/agent/main\.py "),
    "a module of Ray's dashboard": re.compile(r"ray-dashboard-|\S+ (-\S+ )*from multiprocessing\.forkserver "),
}
"""What Ray's programs call themselves once they have begun → their command line before."""
_PLACE: Final = re.compile(r"127(\.\d+){3}(:\d+)?|(?<=--port=)\d+|(?<=main\()\d+")
_HELD: Final = f"SELECT * FROM {SCHEMA}.RAYDP_LEASES WHERE HOLDER <> '{GATE}'"
"""Each cluster's gate stays for good (``spcs.leases``)."""


@dataclass(frozen=True)
class Belongings:
    """Names of what is there, each with its kind first: ``service X``, ``process python … (pid)``."""

    names: frozenset[str]

    def beyond(self, before: Belongings) -> list[str]:
        """What was not there before, sorted."""
        return sorted(self.names - before.names)


def belongings(
    environment: Mapping[str, str], home: Path, keep: Callable[[str], bool] = lambda name: False
) -> Belongings:
    """Of one local Snowflake and everything that was started from it.

    :param home: its folder.
    :param keep: whether something may stay, such as exported logs.
    """
    found: set[str] = set()
    with connect(dict(environment)) as connection:
        client = client_of(connection)
        found |= {f"service {each.name}" for each in client.services.show()}
        found |= {f"pool {each.name}" for each in client.compute_pools.show() if each.name not in SYSTEM_POOLS}
        for stage in ("RAYDPLOGS", "RAYDP_ARTIFACTS"):
            found |= {f"file {each.name}" for each in client.stages.files(f"@{SCHEMA}.{stage}")}
        session = ConnectorSession(connection)
        if session.execute(f"SHOW TABLES LIKE 'RAYDP_LEASES' IN SCHEMA {SCHEMA}"):
            found |= {f"lease {json.dumps(row, default=str)}" for row in session.execute(_HELD)}
    found |= {f"temporary {path.name}" for path in Path(tempfile.gettempdir()).iterdir()}
    commands = Counter(words for process in processes(home) if not (words := _words(process)).startswith(_IDLE))
    found |= {f"process {words} #{number}" for words, many in commands.items() for number in range(many)}
    return Belongings(frozenset(name for name in found if not keep(name)))


def processes(home: Path, service: str | None = None) -> list[psutil.Process]:
    """Those of the services of the local Snowflake in this folder, or of one of them; the server itself goes on."""
    found = []
    for pid, container in containers_of_processes(Paths(home).identity).items():
        if service in (None, container.service.rpartition(".")[2]):
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
    return found


def threads_and_connections(pid: int) -> dict[str, int]:
    """Of one process, for those that live through every fault."""
    process = psutil.Process(pid)
    return {"threads": process.num_threads(), "connections": len(process.net_connections("inet"))}


def _words(process: psutil.Process) -> str:
    """Its command line, without addresses and ports, for those of an instance that was replaced are others."""
    try:
        words = _PLACE.sub("…", " ".join(process.cmdline())).strip()
    except psutil.Error:
        return "?"
    return next((title for title, before in _TITLED.items() if before.match(words)), words[:100] or "?")
