"""Running a job's application from the artifacts stage, once it is really there."""

from __future__ import annotations

import hashlib
import os
import pickle
import runpy
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.runtime.errors import ApplicationError, FunctionError

WAIT_SECONDS: Final = 60.0
"""A file that was just put on a stage appears in its mounts quickly, but not at once (SPCS reference, part 5)."""


def run_application(
    relative: str, sha256: str, arguments: Sequence[str], *, wait_seconds: float = WAIT_SECONDS
) -> None:
    """Wait for the application to appear with the expected content, then run it as ``__main__``.

    :param relative: its path below the folder in which the artifacts stage is mounted.
    :param sha256: checksum of its content, in hexadecimal digits.
    :raises ApplicationError: not there in time, other content, or a path outside the folder.
    """
    path = _find(relative, sha256, wait_seconds)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    runpy.run_path(str(path), run_name="__main__")


def call_function(relative: str, sha256: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
    """Wait for a function that was sent by value, call it, and give what it returns as the job's result.

    The file holds, pickled, a mapping of ``python`` (``3.11``) and ``call``; the latter, pickled again so that it is read
    only by the Python that wrote it, is a mapping of ``function``, ``args``, ``kwargs`` and ``spark``: the arguments of
    :func:`~airflow_provider_raydp_spcs.runtime.spark_session`, or None where the function asks for no session.

    :raises FunctionError: another Python, or something that the function needs is not installed here.
    """
    from airflow_provider_raydp_spcs.runtime.result import set_result

    sent = pickle.loads(_find(relative, sha256, wait_seconds).read_bytes())  # noqa: S301 - the submitter's own code
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sent["python"] != own:
        msg = (
            f"the function was sent by Python {sent['python']}, and the cluster runs {own}; use the same minor version"
        )
        raise FunctionError(msg)
    try:
        call = pickle.loads(sent["call"])  # noqa: S301 - likewise
    except (ImportError, AttributeError) as error:
        msg = f"the function needs something that is not on the cluster: {error}. Import it inside the function, or add it to the image"
        raise FunctionError(msg) from error
    if call["spark"] is None:
        set_result(call["function"](*call["args"], **call["kwargs"]))
        return
    from airflow_provider_raydp_spcs.runtime.session import spark_session

    with spark_session(**call["spark"]) as spark:
        set_result(call["function"](*call["args"], **call["kwargs"], spark=spark))


def _find(relative: str, sha256: str, wait_seconds: float) -> Path:
    folder = os.environ.get("RAYDP_ARTIFACTS_DIR")
    if not folder:
        msg = "RAYDP_ARTIFACTS_DIR is not set; the cluster's nodes mount the artifacts stage there"
        raise ApplicationError(msg)
    try:
        path = (Path(folder) / relative).resolve()
    except (OSError, ValueError) as error:
        msg = f"the application {relative[:200]!r} is no file name: {error}"
        raise ApplicationError(msg) from error
    if not path.is_relative_to(Path(folder).resolve()):
        msg = f"the application {relative!r} lies outside the artifacts stage"
        raise ApplicationError(msg)
    _wait_for(path, sha256, wait_seconds)
    return path


def _wait_for(path: Path, sha256: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    found = None
    while True:
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            found = None
        if found == sha256:
            return
        if time.monotonic() >= deadline:
            state = "is not there" if found is None else f"has the checksum {found}, not {sha256}"
            msg = f"the application {path.name} {state} after {seconds:g} s; was it put on the artifacts stage of this cluster?"
            raise ApplicationError(msg)
        time.sleep(0.5)
