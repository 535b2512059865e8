"""Ids, arguments and answers that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from airflow_provider_raydp_spcs.jobs import calls
from airflow_provider_raydp_spcs.jobs.application import Application
from airflow_provider_raydp_spcs.jobs.errors import (
    ApplicationNotFoundError,
    JobInputError,
    RayJobsError,
    RayUnreachableError,
)


@pytest.mark.parametrize("job", ["", ".", "..", "...", "\ud800", "x" * 1001])
def test_an_id_that_no_path_can_hold(job: str) -> None:
    for call in (calls.info, calls.stop, calls.result):
        with pytest.raises(JobInputError, match="submission id"):
            call(job)


def test_an_id_is_one_part_of_a_path() -> None:
    assert calls.info("../../x?y#z").path == "/api/jobs/..%2F..%2Fx%3Fy%23z"
    assert calls.stop("a b").path == "/api/jobs/a%20b/stop"
    assert calls.result("raydp-1.x_2").path == "/results/raydp-1.x_2"


def test_an_answer_that_no_head_gives_is_asked_for_again() -> None:
    with pytest.raises(RayUnreachableError, match="cannot be read: '<html>'"):
        calls.nodes().result(httpx.Response(200, text="<html>"), "https://x")


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"data": 1}'])
def test_an_answer_of_something_else(body: str) -> None:
    with pytest.raises(RayJobsError, match="no answer of Ray's"):
        calls.nodes().result(httpx.Response(200, text=body), "https://x")


def test_what_no_process_can_be_given(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x")
    for argument in ("a\0b", "\ud800"):
        with pytest.raises(JobInputError, match="cannot be given to a process"):
            Application.read(file, [argument])
    for path in ("x" * 5000, "a\0.py"):
        with pytest.raises(ApplicationNotFoundError):
            Application.read(tmp_path / path)
