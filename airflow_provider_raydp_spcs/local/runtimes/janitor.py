"""Ends a local Snowflake's containers when its server is gone, however that ended.

Containers outlive whoever started them: they belong to the engine. So beside each server with the container runtime
runs one of these: ``janitor.py <program> <label> <network>``, started by path, standard library only. Its standard
input is a pipe from the server; at the pipe's end everything with the label is removed, and the network with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

_ATTEMPTS = 20
_QUIET_SECONDS = 2.0


def main(program: str, label: str, network: str) -> int:
    """Wait for the server's end, then clean."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    clean(program, label, network)
    # A container may have been on its way when the server was killed.
    time.sleep(_QUIET_SECONDS)
    clean(program, label, network)
    return 0


def clean(program: str, label: str, network: str) -> int:
    """Kill and remove the containers with a label, and the network; answer how many containers there were."""
    removed: set[str] = set()
    for _ in range(_ATTEMPTS):
        found = _engine(program, "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}").split()
        if not found:
            break
        # Killed first, for some engines would give each ten seconds; one by one, for a missing one stops the others.
        for each in found:
            _engine(program, "kill", "--signal", "KILL", each)
        for each in found:
            _engine(program, "rm", "--force", each)
        removed.update(found)
    _engine(program, "network", "rm", network)
    return len(removed)


def _engine(program: str, *arguments: str) -> str:
    """Carry out a command; what does not succeed is tried again by the caller."""
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
