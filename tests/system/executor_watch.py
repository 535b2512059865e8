"""Watches, from outside through the ingress, on which nodes Ray runs Spark executors."""

from __future__ import annotations

import ssl
import threading
from typing import Any

import httpx

from airflow_provider_raydp_spcs.cli.demo.connection import connect

EXECUTOR_CLASS = "RayDPExecutor"


class ExecutorWatch:
    """Collects the addresses of nodes with living Spark executors, as Ray's state API tells them.

    :param environment: what ``raydp-spcs local env`` prints.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._context = ssl.create_default_context(cafile=environment["SSL_CERT_FILE"])
        self.addresses: set[str] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        with connect(
            self._environment, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
        ) as connection:
            token = connection._rest._token_request("ISSUE")["data"]["sessionToken"]
            headers = {"Authorization": f'Snowflake Token="{token}"'}
            while not self.stop.wait(1.0):
                for host in self._dashboards(connection):
                    self._look(f"https://{host}", headers)

    def _dashboards(self, connection: Any) -> list[str]:
        cursor = connection.cursor()
        services = [row[0] for row in cursor.execute("SHOW SERVICES").fetchall() if row[0].endswith("_HEAD")]
        hosts = []
        for service in services:
            try:
                rows = cursor.execute(f"SHOW ENDPOINTS IN SERVICE {service}").fetchall()
            except Exception:  # the service was dropped in between
                continue
            hosts += [row[5] for row in rows if row[0] == "dashboard" and row[5] and ":" in row[5]]
        return hosts

    def _look(self, url: str, headers: dict[str, str]) -> None:
        try:
            with httpx.Client(verify=self._context, headers=headers, timeout=10) as client:
                nodes = client.get(f"{url}/api/v0/nodes").json()["data"]["result"]["result"]
                actors = client.get(f"{url}/api/v0/actors").json()["data"]["result"]["result"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return  # not up yet, or going away
        address = {node["node_id"]: node["node_ip"] for node in nodes}
        self.addresses |= {
            address[actor["node_id"]]
            for actor in actors
            if EXECUTOR_CLASS in actor["class_name"] and actor["state"] == "ALIVE" and actor["node_id"] in address
        }
