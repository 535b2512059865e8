"""A real image registry on this machine, which asks for a user and a password."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER, PASSWORD = "0sessiontoken", "only for tests"
_HASH = "$2b$04$xFtdSQvm1Cn0IxyuLMBkMOVjNzWdx.kKwZRP8nnMjsR0N5z39KQcG"
_CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/blobs}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: tests, path: {folder}/users}}}}
"""


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Its ``address:port``, without TLS; podman is told so in its own settings."""
    address = free_address()
    (folder / "users").write_text(f"{USER}:{_HASH}\n")
    (folder / "config.yml").write_text(_CONFIGURATION.format(folder=folder, address=address))
    settings = Path(os.environ["CONTAINERS_REGISTRIES_CONF"])
    before = settings.read_text()
    settings.write_text(f'{before}[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    # It takes every variable REGISTRY_… for a setting of its own, and podman has one too.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    process = subprocess.Popen(command, env=clean, stderr=subprocess.DEVNULL)
    try:
        host, _, port = address.partition(":")
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "the registry ended"
                assert time.monotonic() < deadline, "the registry does not answer"
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        settings.write_text(before)
