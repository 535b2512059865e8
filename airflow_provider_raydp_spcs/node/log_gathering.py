"""The head's part of a log export: it writes the logs of its drivers, has every node export its own, and puts together what
nodes that are dead by now had shipped while they ran.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster.log_pieces import dead_node
from airflow_provider_raydp_spcs.cluster.log_places import (
    DRIVER_LOGS,
    LIVE,
    Boot,
    boots_since,
    driver_log,
    driver_names,
    safe_part,
)
from airflow_provider_raydp_spcs.node.errors import NodesUnknownError
from airflow_provider_raydp_spcs.node.log_export import NodeExport, checked
from airflow_provider_raydp_spcs.node.log_files import log_files, writing

LOOK_SECONDS: Final = 0.2
SILENT_SECONDS: Final = 60.0
"""How long a node may not answer before its part is taken from what it has shipped."""
PART_SECONDS: Final = 1800.0
"""How long a node may take for its part: a stage that hangs must not keep the exports after this one waiting for ever."""
MAX_NODES: Final = 10_000
NODES_AT_ONCE: Final = 32
Files = list[list[Any]]
Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class Gathering:
    """Gathers the logs of one cluster's jobs on the stage.

    :param export: the head's own part; its drivers' logs go the same way.
    :param logs: where Ray writes logs on the head.
    :param stage: where the stage of the logs is mounted.
    :param stage_name: ``@DATABASE.SCHEMA.STAGE``, which is mounted there.
    :param nodes: addresses of the nodes that live.
    :param ask: sends an order to the node at an address.
    """

    def __init__(
        self,
        export: NodeExport,
        logs: Path,
        stage: Path,
        stage_name: str,
        cluster: str,
        nodes: Callable[[], Iterable[str]],
        ask: Ask,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._export, self._logs, self._stage, self._stage_name = export, logs, stage, stage_name
        self._live, self._nodes, self._ask = stage / LIVE / cluster.upper(), nodes, ask
        self._own = safe_part(cluster.upper())
        self._clock, self._sleep = clock, sleep

    def gather(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do an order.

        :param order: ``token``; ``stage``, which has to be the one that is mounted; ``folder`` of the run on it; ``jobs``,
            their submission ids; ``since``, seconds since 1970 from which on nodes were this cluster's.
        :returns: ``files``, each ``[path below the folder, bytes, MD5]``, and ``missing``, in words; or ``refused``, why this
            is not done here.
        :raises ValueError, NodesUnknownError: no such order; Ray does not answer.
        """
        if str(order["stage"]).upper() != self._stage_name.upper():
            return {"refused": f"{self._stage_name} is mounted here, not {order['stage']}"}
        folder, jobs = checked(order["folder"]), [str(job) for job in order["jobs"]]
        if folder.partition("/")[0] != self._own:
            # Whoever may use this cluster's endpoints need not be one who may write the stage.
            return {"refused": f"{folder} is no folder of the cluster {self._own}"}
        files: Files = []
        missing: list[str] = []
        self._drivers(folder, jobs, files, missing)
        boots = self._living(folder, str(order["token"]), files, missing)
        dead = [boot for boot in self._boots(float(order["since"])) if str(boot) not in boots]
        self._dead(folder, jobs, dead, files, missing)
        return {"files": sorted(files), "missing": missing}

    def _drivers(self, folder: str, jobs: Sequence[str], files: Files, missing: list[str]) -> None:
        there = {file.path.name: file for file in log_files(self._logs, lambda name: bool(DRIVER_LOGS.match(name)))}
        for name, job in driver_names(jobs):
            if (file := there.get(driver_log(job))) is not None:
                try:
                    copied = self._export.send(file, f"{folder}/{name}")
                except OSError as error:
                    missing.append(f"driver of {job}: {error.strerror or error}")
                else:
                    files.append([name, copied.size, copied.md5])

    def _living(self, folder: str, token: str, files: Files, missing: list[str]) -> set[str]:
        """Have the living nodes export; answer the boots of those that did."""
        addresses = sorted(set(self._nodes()))
        boots: set[str] = set()
        with ThreadPoolExecutor(NODES_AT_ONCE) as threads:
            parts = threads.map(lambda address: self._part(address, {"token": token, "folder": folder}), addresses)
            for address, part in zip(addresses, parts, strict=True):
                if error := part.get("error"):
                    missing.append(f"node {address}: {error}; what it has shipped before is exported")
                else:
                    boots.add(str(part["boot"]))
                    files += part["files"]
                    missing += part["missing"]
        return boots

    def _part(self, address: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a node answers in the end; an error where it does not."""
        began = answered = self._clock()
        while self._clock() - began <= PART_SECONDS:
            try:
                answer = self._ask(address, order)
                answered = self._clock()
                if answer["done"]:
                    return answer
            except (OSError, KeyError) as error:
                if self._clock() - answered > SILENT_SECONDS:
                    return {"error": f"it does not answer ({error})"}
            self._sleep(LOOK_SECONDS)
        return {"error": f"it is not done after {PART_SECONDS:g} s"}

    def _boots(self, since: float) -> list[Boot]:
        """Every life of a node of this cluster, the youngest first."""
        with contextlib.suppress(OSError):
            found = [boot for path in self._live.iterdir() if (boot := Boot.read(path.name)) is not None]
            return boots_since(found, since)
        return []

    def _dead(self, folder: str, jobs: Sequence[str], boots: Iterable[Boot], files: Files, missing: list[str]) -> None:
        """Put together what dead nodes had shipped; what is there already, of a younger node, is left alone."""
        there = {path for path, _, _ in files}
        for boot in boots:
            try:
                for path, size, md5 in dead_node(
                    self._live / str(boot), self._stage / folder, boot, jobs, there, writing
                ):
                    there.add(path)
                    files.append([path, size, md5])
            except OSError as error:
                missing.append(f"node {boot}, which is gone: {error.strerror or error}")
        for name, job in driver_names(jobs):
            if name not in there:
                missing.append(f"driver of {job}: the head has no log of it")


def living_nodes(address: str) -> list[str]:
    """Addresses of the nodes that Ray knows to live, asked from the dashboard at this address.

    :raises NodesUnknownError: it does not tell.
    """
    link = http.client.HTTPConnection(address, ports.DASHBOARD, timeout=20)
    try:
        link.request("GET", f"/api/v0/nodes?limit={MAX_NODES}")
        reply = link.getresponse()
        body = json.loads(reply.read())
        return [str(node["node_ip"]) for node in body["data"]["result"]["result"] if node["state"] == "ALIVE"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        msg = f"Ray at {address}:{ports.DASHBOARD} does not tell its nodes ({type(error).__name__}: {error})"
        raise NodesUnknownError(msg) from error
    finally:
        link.close()
