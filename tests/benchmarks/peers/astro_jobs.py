"""Jobs by the operator of astro-provider-ray, in an environment of its own, which has nothing of this project.

Run by ``astro.py``: each line on standard input is a job's entrypoint; the answer is a line "seconds …" with those that its operator
took, from ``execute`` over the trigger's event to ``execute_complete``, without Airflow's own part. ``POLL_SECONDS`` is the
operator's ``poll_interval``, which is a minute by default.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from airflow.exceptions import TaskDeferred
from ray_provider.operators import SubmitRayJob


def run(entrypoint: str, poll_seconds: int) -> float:
    began = time.monotonic()
    operator = SubmitRayJob(
        task_id="job", conn_id="ray", entrypoint=entrypoint, runtime_env={}, poll_interval=poll_seconds
    )
    context: Any = {}
    try:
        operator.execute(context)
    except TaskDeferred as deferred:
        event = asyncio.run(_first_event(deferred.trigger))
        operator.execute_complete(context, event)
    return time.monotonic() - began


async def _first_event(trigger: Any) -> dict[str, Any]:
    async for event in trigger.run():
        return dict(event.payload)
    raise RuntimeError("the trigger ended without an event")


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the provider prints
    for line in sys.stdin:
        answers.write(f"seconds {run(line.strip(), int(os.environ['POLL_SECONDS']))}\n")
