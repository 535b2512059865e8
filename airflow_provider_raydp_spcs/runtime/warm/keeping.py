"""What a keeper's process does: Ray, Spark, and a log of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.runtime.warm.keeper import Keeper
from airflow_provider_raydp_spcs.runtime.warm.places import IDLE, IDLE_SECONDS, METADATA
from airflow_provider_raydp_spcs.runtime.warm.sessions import Sessions
from airflow_provider_raydp_spcs.runtime.warm.sharing import SharedSpark

LOGS: Final = "RAYDP_WARM_LOGS_DIR"
"""Environment variable: folder of Ray's logs, where the keeper's log lies with the others."""


def keep(listener: socket.socket, sessions: Mapping[str, Any], key: str) -> None:
    """Keep the warm application of these sessions until it is not needed any more; ends the process."""
    _write_log(key)
    found = Sessions.from_json(sessions)
    idle = float(os.environ.get(IDLE) or IDLE_SECONDS)
    # The JVM's threads must be those of this process' threads, for what is set in them counts (see SharedSpark.door).
    os.environ.pop("PYSPARK_PIN_THREAD", None)
    keeper = Keeper(listener, partial(_started, found, key), idle, _say)
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, keeper.hear)
    sys.exit(keeper.run())


@contextmanager
def _started(sessions: Sessions, key: str) -> Iterator[SharedSpark]:
    import ray
    from ray.job_config import JobConfig

    from airflow_provider_raydp_spcs.runtime.executors import await_executor
    from airflow_provider_raydp_spcs.runtime.session import spark_session

    # Unique, for RayDP's actors have names, and those of a keeper before this one may not be gone yet.
    name = f"raydp-warm-{key}-{int(time.time() * 1000):x}"
    ray.init(address="auto", namespace=name, log_to_driver=False, job_config=JobConfig(metadata={METADATA: key}))
    configs = {"spark.scheduler.mode": "FAIR", **sessions.configs}
    with spark_session(
        name,
        executors=sessions.executors,
        executor_cores=sessions.executor_cores,
        executor_memory_mib=sessions.executor_memory_mib,
        share=sessions.share,
        configs=configs,
    ) as spark:
        # A job that attaches shall hear why none comes, and not that somebody has stopped its session.
        await_executor(spark)
        yield SharedSpark(spark, name)


def _write_log(key: str) -> None:
    folder = os.environ.get(LOGS)
    if not folder or not Path(folder).is_dir():
        return
    path = Path(folder) / f"raydp-warm-{key}.log"
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    os.close(log)


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()
