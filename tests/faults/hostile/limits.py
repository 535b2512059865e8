"""Running something in a process that may take so much memory and time, and no more."""

from __future__ import annotations

import resource
import subprocess
import sys

MEMORY = 1024**3
CPU_SECONDS = 60


def read_bounded(program: str, *texts: str) -> list[str]:
    """What a Python program prints for each of the texts, one after another on its standard input.

    It is ended by the system where it wants more than a gigabyte, or a minute of a processor.

    :raises AssertionError: it was ended.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))

    done = subprocess.run(
        [sys.executable, "-c", program],
        input="\0".join(texts),
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 0, f"it was ended ({done.returncode}): {done.stderr[-1000:]}"
    return done.stdout.splitlines()
