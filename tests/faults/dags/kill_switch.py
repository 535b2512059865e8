"""Kills the task's process at a named moment, once, from inside: nothing of it is in the package.

A task whose id is ``<mode>_<moment>`` dies at that moment in its first try. With ``worker`` in its id, the executor's worker
process dies with it, so that only the missing heartbeat tells.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARKS = Path(os.environ.get("KILL_MARKS", "/nonexistent"))


def task_id() -> str:
    from airflow.sdk import get_current_context

    try:
        return str(get_current_context()["ti"].task_id)
    except Exception:
        return ""


def die(moment: str) -> None:
    """SIGKILL this process, where its task is to die at this moment and has not died yet."""
    name = task_id()
    if not name.endswith(f"_{moment}"):
        return
    mark = MARKS / name
    if mark.exists():
        return
    mark.write_text(moment)
    if "worker" in name:
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def around(owner: Any, name: str, before: str = "", after: str = "", when: Callable[..., bool] | None = None) -> None:
    """Die before or after a function of the package."""
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        meant = when is None or when(*args, **kwargs)
        if before and meant:
            die(before)
        value = original(*args, **kwargs)
        if after and meant:
            die(after)
        return value

    setattr(owner, name, wrapped)


def during_post() -> None:
    """Die while the request is under way: it has been sent, and its answer has not come."""
    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient

    original = RayJobsClient.submit

    def submit(self: RayJobsClient, request: Any) -> bool:
        if task_id().endswith("_during_post") and not (MARKS / task_id()).exists():
            threading.Thread(target=original, args=(self, request), daemon=True).start()
            time.sleep(0.03)
            die("during_post")
        return original(self, request)

    RayJobsClient.submit = submit  # type: ignore[method-assign]


def install() -> None:
    """Put the moments into the package's functions, in this process only."""
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
    from airflow_provider_raydp_spcs.jobs.logs import LogView
    from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
    from airflow_provider_raydp_spcs.spcs.stages import Stages

    def of_the_job(self: Any, key: str, *args: Any, **kwargs: Any) -> bool:
        return key == "raydp_job"

    during_post()
    around(SubmitRayDPJobOperator, "prepare", before="at_start")
    around(TaskStateStoreAccessor, "set", "before_generation_saved", "after_generation_saved", of_the_job)
    around(Stages, "put", "before_put", "after_put")
    around(RayJobsClient, "submit", "before_post", "after_post")
    around(LogView, "add", after="while_polling", when=lambda self, piece: bool(piece.text))
    around(RayJobsClient, "result", before="before_result")
    around(SubmitRayDPJobOperator, "_defer", before="before_defer")
    around(SubmitRayDPJobOperator, "execute_complete", before="on_resume")
    around(SubmitRayDPJobOperator, "_result", after="before_xcom")
