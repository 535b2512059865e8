"""A nursery whose jobs are pieces of code and whose Spark is none: ``fake_nursery.py <log>``, with the folder in the environment."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_raydp_spcs.runtime.errors import SparkSizeError
from airflow_provider_raydp_spcs.runtime.warm.keeper import Keeper
from airflow_provider_raydp_spcs.runtime.warm.nursery import Nursery
from airflow_provider_raydp_spcs.runtime.warm.places import FOLDER
from airflow_provider_raydp_spcs.runtime.warm.sharing import Door

LOG = Path(sys.argv[1])


def tell(*words: object) -> None:
    with LOG.open("a") as file:
        file.write(" ".join(map(str, words)) + "\n")


class FakeShared:
    """Spark that is told by the sessions' settings how to be.

    ``broken``: a file; where it is there, it is found dead, and taken away.
    """

    def __init__(self, configs: Mapping[str, str]) -> None:
        self._configs = configs

    @contextmanager
    def door(self, job: str) -> Iterator[Door]:
        tell("open", job)
        try:
            yield Door(os.getpid(), "secret", f"tag-{job}", "namespace", "3.5.7", "application fake")
        finally:
            tell("close", job)

    def make_master(self) -> None:
        tell("master")
        if "masterless" in self._configs:
            msg = "no room for it"
            raise RuntimeError(msg)

    def fault(self, *, in_doubt: bool) -> str | None:
        tell("doubt" if in_doubt else "trust")
        broken = Path(self._configs.get("broken", "/nowhere"))
        if broken.exists():
            broken.unlink()
            return "it is broken"
        return None

    def tidy(self) -> str | None:
        tell("tidy")
        return self._configs.get("worn")


def run(words: Sequence[str]) -> None:
    exec(words[0], {"words": words[1:], "__name__": "job"})


def keep(listener: socket.socket, sessions: Mapping[str, Any], key: str) -> None:
    configs = sessions["configs"]

    @contextmanager
    def start() -> Iterator[FakeShared]:
        tell("start", key)
        time.sleep(float(configs.get("slow", 0)))
        if "too_large" in configs:
            msg = "it does not fit"
            raise SparkSizeError(msg)
        yield FakeShared(configs)
        tell("end", key)

    keeper = Keeper(listener, start, float(configs.get("idle", 60)), lambda line: tell("say", line))
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, keeper.hear)
    sys.exit(keeper.run())


if __name__ == "__main__":
    task = Nursery(
        Path(os.environ[FOLDER]), run, keep, lambda line: tell("say", line), ["wave", "no_such_module"]
    ).serve()
    if task is not None:
        task()
