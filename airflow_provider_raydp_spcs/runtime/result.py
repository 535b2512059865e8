"""What a job hands back to the task that submitted it: JSON, kept on the head until it is fetched."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from airflow_provider_raydp_spcs.runtime.errors import ResultError

MAX_RESULT_BYTES: Final = 48 * 1024
"""Of the JSON text; what is larger goes to the artifacts stage, for Airflow's database is no place for it."""


def set_result(value: Any) -> None:
    """Give the job's result; the last one given counts. It becomes the return value of the task.

    Up to 48 KiB of JSON are handed over as they are. What is larger is put on the artifacts stage, and the task returns
    ``{"stage_path": "@…", "bytes": …}``.

    :raises ResultError: the value is no JSON, or this is no job of a cluster.
    """
    folder, job = os.environ.get("RAYDP_RESULTS_DIR"), os.environ.get("RAYDP_SUBMISSION_ID")
    if not folder or not job:
        msg = "there is no one to give a result to: set_result works in the driver of a job that was submitted to a cluster"
        raise ResultError(msg)
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        msg = (
            f"the result is no JSON: {error}. Allowed are None, booleans, finite numbers, texts, and lists and dictionaries "
            "of these; write anything else to a table or a stage and return its name"
        )
        raise ResultError(msg) from error
    size = len(text.encode())
    answer = f'{{"value": {text}}}' if size <= MAX_RESULT_BYTES else json.dumps(_put(text, job, size))
    _write(Path(folder) / f"{job}.json", answer)


def _put(text: str, job: str, size: int) -> dict[str, Any]:
    from airflow_provider_raydp_spcs.runtime.connecting import connection
    from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
    from airflow_provider_raydp_spcs.spcs.stages import Stages

    target = f"{os.environ['RAYDP_ARTIFACTS_STAGE']}/{os.environ['RAYDP_CLUSTER']}/results"
    with tempfile.TemporaryDirectory() as folder, connection() as snowflake:
        file = Path(folder) / f"{job}.json"
        file.write_text(text)
        Stages(ConnectorSession(snowflake)).put(file, target)
    return {"stage_path": f"{target}/{job}.json", "bytes": size}


def _write(path: Path, text: str) -> None:
    """In one step, so that nobody reads half of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)
