"""Functions by value: written here, called as the runtime calls them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs.errors import NotPicklableError, PythonMismatchError
from airflow_provider_raydp_spcs.jobs.functions import check_python, own_python, wants_spark, write_call

FACTOR = 3
MODULE = """
FACTOR = 3

class Pair:
    def __init__(self, left, right):
        self.left, self.right = left, right

def helper(value):
    return value * FACTOR

def make(offset):
    def function(value, *, other):
        pair = Pair(helper(value), other)
        return {"sum": pair.left + pair.right + offset}
    return function
"""


def call(tmp_path: Path, entrypoint: str) -> tuple[int, Any, str]:
    """Run an entry point where neither this test's modules nor its folder are."""
    words = shlex.split(entrypoint)
    environment = {"RAYDP_ARTIFACTS_DIR": str(tmp_path), "RAYDP_RESULTS_DIR": str(tmp_path), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, *words[1:]], env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    result = tmp_path / "raydp-1.json"
    return done.returncode, json.loads(result.read_text()) if result.exists() else None, done.stderr


def send(tmp_path: Path, function: Any, *args: Any, **kwargs: Any) -> str:
    application = write_call(tmp_path, function, args, kwargs, None)
    folder = tmp_path / application.folder("C")
    folder.mkdir(parents=True)
    application.file.rename(folder / application.file.name)
    return application.entrypoint("C", "raydp-1")


def dag_module(tmp_path: Path) -> Any:
    """A module that the cluster does not have, as a DAG file is."""
    import importlib.util

    file = tmp_path / "dag_of_a_user.py"
    file.write_text(MODULE)
    spec = importlib.util.spec_from_file_location("unusual_prefix_dag", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["unusual_prefix_dag"] = module
    spec.loader.exec_module(module)
    return module


def test_a_function_travels_with_its_closure_globals_and_arguments(tmp_path: Path) -> None:
    entrypoint = send(tmp_path, dag_module(tmp_path).make(100), 5, other=2)
    code, result, errors = call(tmp_path, entrypoint)
    assert (code, result) == (0, {"value": {"sum": 117}}), errors


def test_a_result_that_is_no_json_ends_the_job_as_wrong_input(tmp_path: Path) -> None:
    module = dag_module(tmp_path)
    exec("def bad():\n    return {1, 2}", module.__dict__)
    code, result, errors = call(tmp_path, send(tmp_path, module.bad))
    assert (code, result) == (65, None)
    assert "the result is no JSON" in errors
    assert "write anything else to a table" in errors


def test_what_cannot_be_pickled_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    lock = threading.Lock()
    with pytest.raises(NotPicklableError, match=r"'<lambda>' cannot be sent to the cluster.*inside it instead"):
        write_call(tmp_path, lambda: lock.locked(), (), {}, None)


def test_another_python_is_refused() -> None:
    check_python(own_python(), "C")
    with pytest.raises(PythonMismatchError, match=r"cluster C runs Python 3\.9"):
        check_python("3.9", "C")


def test_only_a_parameter_named_spark_asks_for_a_session() -> None:
    assert wants_spark(lambda spark: spark)
    assert not wants_spark(lambda value: value)
