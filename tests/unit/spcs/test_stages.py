"""Fetching folders from a stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.spcs.errors import InvalidValueError
from airflow_provider_raydp_spcs.spcs.session import Row
from airflow_provider_raydp_spcs.spcs.stages import StageFile, Stages


class Recorder:
    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        del params
        self.statements.append(sql)
        return []


def test_folders_are_kept(tmp_path: Path) -> None:
    session, done = Recorder(), list[int]()
    files = [StageFile("logs/C/run/driver.log", 1, ""), StageFile("logs/C/run/executors/it's.log", 1, "")]
    found = Stages(session).get_tree("D.S.LOGS", files, tmp_path, done.append)
    assert found == [tmp_path / "C/run/driver.log", tmp_path / "C/run/executors/it's.log"]
    assert session.statements == [
        f"GET '@D.S.LOGS/C/run/driver.log' 'file://{tmp_path}/C/run/'",
        f"GET '@D.S.LOGS/C/run/executors/it''s.log' 'file://{tmp_path}/C/run/executors/'",
    ]
    assert done == [1, 2]


@pytest.mark.parametrize("name", ["logs//etc/passwd", "logs/C/../../../etc/passwd"])
def test_nothing_is_put_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    session = Recorder()
    with pytest.raises(InvalidValueError, match="would be put outside of"):
        Stages(session).get_tree("LOGS", [StageFile(name, 1, "")], tmp_path / "here", lambda done: None)
    assert session.statements == []
    assert not (tmp_path / "here").exists()


def test_a_folder_that_no_file_system_has_is_refused() -> None:
    session = Recorder()
    with pytest.raises(InvalidValueError, match="there can be no file"):
        Stages(session).get_tree("LOGS", [StageFile("logs/a", 1, "")], "x\ud800", lambda done: None)
    assert session.statements == []
