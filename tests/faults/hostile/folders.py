"""Folders with a secret beside them, and whether anything went over the edge."""

from __future__ import annotations

import http.client
import json
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.cluster.log_places import LIVE
from airflow_provider_raydp_spcs.node import job_files, log_door
from airflow_provider_raydp_spcs.node.log_export import NodeExport
from airflow_provider_raydp_spcs.node.log_gathering import Gathering
from airflow_provider_raydp_spcs.node.log_orders import Orders
from airflow_provider_raydp_spcs.node.log_shipping import LogShipping, boot_of
from tests.faults.hostile.values import hostile
from tests.integration.containers import until

SECRET = "nobody may read this beside the folder"
PATHS = (
    "..", "../..", "../secret", "../../secret", "/secret", "//secret", "a/../../secret", "./../secret", "..%2fsecret", "%2e%2e/secret",
    "..%252fsecret", "..\\secret", "C:\\secret", "secret\0.log", "a\0/../../secret", "~/secret", "file:///secret", "....//secret", ".",
    "link", "folder-link/secret", "pipe", "x" * 300, "\u2025/secret", "．．/secret", "a\n../secret",
)  # fmt: skip
LINE_BYTES = 65_536
"""A request's line may have so many."""
SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.=-")


class Node:
    """A head's disk and its doors, a stage, and a secret outside of both.

    :param address: a loopback address of its own.
    """

    def __init__(self, root: Path, address: str) -> None:
        self.root, self.address = root, address
        self.ray, self.stage = root / "ray", root / "stage"
        self.logs, self.results = self.ray / "session_latest" / "logs", self.ray / job_files.RESULTS
        for folder in (self.logs, self.results, self.stage):
            folder.mkdir(parents=True)
        (root / "secret").write_text(SECRET)
        for folder, beginning, ending in ((self.logs, "job-driver-", ".log"), (self.results, "", ".json")):
            (folder / f"{beginning}good{ending}").write_text('"good"')
            (folder / f"{beginning}link{ending}").symlink_to(root / "secret")
            (folder / "folder-link").symlink_to(root)
            os.mkfifo(folder / f"{beginning}pipe{ending}")
        (self.logs / "worker-link.out").symlink_to(root / "secret")
        os.mkfifo(self.logs / "worker-pipe.out")
        self.before, self.boot = self.outside(), boot_of(address)
        export = NodeExport(self.logs, self.stage, self.boot)
        self.doors = [log_door.serve(address, Orders(export.export))]
        gathering = Gathering(export, self.logs, self.stage, "@D.S.L", "C", lambda: [address], log_door.ask)
        self.doors.append(job_files.serve(address, self.ray, exports=Orders(gathering.gather)))

    def close(self) -> None:
        for door in self.doors:
            door.shutdown()
            door.server_close()

    def outside(self) -> dict[str, bytes]:
        """What lies beside the folders, with what it holds."""
        own = (self.ray, self.stage)
        return {
            str(path): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(each) for each in own)
        }

    def ask(
        self, method: str, path: str, body: bytes = b"", port: int = ports.JOB_FILES, **headers: str
    ) -> tuple[int, bytes]:
        """An answer; no status where the connection is closed without one."""
        link = http.client.HTTPConnection(self.address, port, timeout=20)
        try:
            link.putrequest(method, path, skip_host=False)
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            for name, value in {"Content-Length": str(len(body)), **given}.items():
                link.putheader(name, value)
            link.endheaders(body)
            reply = link.getresponse()
            return reply.status, reply.read()
        finally:
            link.close()

    def order(self, folder: Any, token: str, jobs: list[str]) -> dict[str, Any]:
        """An export, at its end."""
        body = json.dumps({"token": token, "stage": "@D.S.L", "folder": folder, "jobs": jobs, "since": 0.0}).encode()

        def done() -> dict[str, Any] | None:
            status, answer = self.ask("POST", "/exports", body)
            assert status == 200, answer
            found: dict[str, Any] = json.loads(answer)
            return found if found["done"] else None

        return dict(until(done))

    def staged(self) -> set[str]:
        """Paths of files on the stage."""
        return {path.relative_to(self.stage).as_posix() for path in self.stage.rglob("*") if not path.is_dir()}


def read_everywhere(node: Node, names: list[str]) -> int:
    """Ask for every name in every way that there is; answer how many questions.

    :raises AssertionError: the secret came, or something that is no refusal.
    """
    asked = 0
    for name in names:
        for kind in ("logs", "results"):
            # As it is, where a request line can hold it, and as clients write it.
            for path in {
                quote(name.encode("utf-8", "surrogatepass"), safe="/%\\.~:"),
                quote(name.encode("utf-8", "surrogatepass"), safe=""),
            }:
                status, answer = node.ask("GET", f"/{kind}/{path}")
                assert SECRET.encode() not in answer, path
                is_line = len(f"GET /{kind}/{path} HTTP/1.1\r\n") <= LINE_BYTES
                assert status == (404 if is_line else 414), (path, status)
                asked += 1
        status, answer = node.ask("POST", "/logs", json.dumps({"positions": {name: 0}, "finished": True}).encode())
        assert (status, json.loads(answer)[name]["text"]) == (200, ""), name
        status, answer = node.ask("POST", "/marks", json.dumps({"set": {name: 5}, "get": [name]}).encode())
        found = json.loads(answer)
        assert status == 200, name
        assert found in ({name: 5}, {name: 0}, {}), name  # names that are too long are not kept
        asked += 2
    return asked


ODD_BODIES: tuple[bytes, ...] = (
    b"", b"{", b"[]", b"null", b'{"positions": {"a": Infinity}}', b'{"positions": {"a": NaN}}', b'{"positions": {"a": 1e400}}',
    b'{"positions": {"good": -9999999999999999999999}}', b'{"positions": "abc"}', b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000,
    b'{"set": {"a": Infinity}, "get": []}', b"\xff\xfe", b'{"token": "t"}', b'{"token": {}, "folder": []}',
)  # fmt: skip


def answers_to_odd_bodies(node: Node) -> Iterator[tuple[bytes, int]]:
    """What comes back for bodies that nobody should send, and for lengths that are none."""
    for body in ODD_BODIES:
        for path, port in (
            ("/logs", ports.JOB_FILES),
            ("/marks", ports.JOB_FILES),
            ("/exports", ports.JOB_FILES),
            ("/export", ports.LOGS),
        ):
            yield body, node.ask("POST", path, body, port)[0]
    for length in ("-1", "abc", "1e3", "99999999999999999999999", "٣", ""):
        for path, port in (("/logs", ports.JOB_FILES), ("/export", ports.LOGS)):
            yield (
                length.encode(),
                node.ask("POST", path, b"", port, Content_Length=length.encode().decode("latin-1"))[0],
            )


def odd_names(chance: random.Random, count: int) -> list[str]:
    """Names as a file may have, of logs that are shipped and exported."""
    found: list[str] = []
    while len(found) < count:
        text = hostile(chance).replace("/", "\u2044").replace("\0", "").replace("\n", "")
        name = f"worker-{text}"[:60] + ".out"
        if len(os.fsencode(name.encode("utf-8", "replace").decode())) < 200:
            found.append(name.encode("utf-8", "replace").decode())
    return list(dict.fromkeys(found))


def ship(node: Node, say: list[str]) -> LogShipping:
    """One look at the logs, which ships what is there."""
    shipping = LogShipping(node.logs, node.stage, "C", node.boot, say.append)
    shipping.look()
    return shipping


def live_files(node: Node) -> set[str]:
    return {name for name in node.staged() if name.startswith(f"{LIVE}/")}


Folders = Mapping[str, Any]
