"""Doors of a node: no link or pipe is opened, and no body or length of a body is answered by silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.node.job_files import JobFiles
from tests.faults.hostile.folders import SECRET, Node, answers_to_odd_bodies


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path, "127.0.88.3")
    yield made
    made.close()


@pytest.mark.parametrize("job", ["link", "pipe", "../../secret", "nothing"])
def test_only_files_that_lie_there_themselves(node: Node, job: str) -> None:
    for kind in ("logs", "results"):
        status, answer = node.ask("GET", f"/{kind}/{job}")
        assert status == 404
        assert SECRET.encode() not in answer
    assert JobFiles(node.ray).new_text(job, 0, finished=True)["text"] == ""
    assert node.ask("GET", "/logs/good") == node.ask("GET", "/results/good") == (200, b'"good"')


def test_odd_bodies_are_answered(node: Node) -> None:
    assert {status for _, status in answers_to_odd_bodies(node)} == {200, 400, 404}
