"""Ends a local Snowflake's containers when its server is gone, however that ended.

Containers outlive whoever started them: they belong to the engine. So beside each server with the container runtime
runs one of these: ``janitor.py <program> <label>``, started by path, standard library only. Its standard input is a
pipe from the server; at the pipe's end everything with the label is removed. The label is that run's of the server
alone, so that a server that is started again meanwhile keeps what it has made.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

_ATTEMPTS = 20
_QUIET_SECONDS = 2.0


def main(program: str, label: str) -> int:
    """Wait for the server's end, then clean."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    clean(program, label)
    # A container may have been on its way when the server was killed.
    time.sleep(_QUIET_SECONDS)
    clean(program, label)
    return 0


def clean(program: str, label: str) -> int:
    """Kill and remove the containers with a label, and the networks; answer how many containers there were."""
    removed: set[str] = set()
    labelled = ("--filter", f"label={label}")
    for _ in range(_ATTEMPTS):
        found = _engine(program, "ps", "--all", "--quiet", "--no-trunc", *labelled).split()
        if not found:
            break
        # Killed first, for some engines would give each ten seconds; one by one, for a missing one stops the others.
        for each in found:
            _engine(program, "kill", "--signal", "KILL", each)
        for each in found:
            _engine(program, "rm", "--force", each)
        removed.update(found)
    for each in _engine(program, "network", "ls", "--quiet", *labelled).split():
        _engine(program, "network", "rm", each)
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
