"""Files of stages: what is listed where services that have the stage mounted change it meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.stages import files as module
from airflow_provider_raydp_spcs.local.stages.files import StageFiles

STAGE = "D.S.ST"


@pytest.fixture
def files(tmp_path: Path) -> StageFiles:
    made = StageFiles(tmp_path / "stages")
    for path in ("a/1.txt", "a/2.txt", "a/b/3.txt", "ab/4.txt", "5.txt"):
        file = made.folder(STAGE) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return made


def listed(files: StageFiles, prefix: str) -> list[str]:
    return [each.path for each in files.listing(STAGE, prefix)]


def test_a_prefix_is_no_folder(files: StageFiles) -> None:
    assert listed(files, "") == ["5.txt", "a/1.txt", "a/2.txt", "a/b/3.txt", "ab/4.txt"]
    assert listed(files, "a") == ["a/1.txt", "a/2.txt", "a/b/3.txt", "ab/4.txt"]
    assert listed(files, "a/") == ["a/1.txt", "a/2.txt", "a/b/3.txt"]
    assert listed(files, "a/b/3") == ["a/b/3.txt"]
    for nowhere in ("a//1", "b/", "/a/1", "./a/1", "a/b/../1"):
        assert listed(files, nowhere) == []


def test_what_is_removed_meanwhile_is_not_listed(files: StageFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._md5

    def md5(path: Path) -> str:
        (files.folder(STAGE) / "a/2.txt").unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(module, "_md5", md5)
    assert listed(files, "a/") == ["a/1.txt", "a/b/3.txt"]


def test_a_link_leads_nowhere(files: StageFiles, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("x")
    (files.folder(STAGE) / "link").symlink_to(outside)
    (files.folder(STAGE) / "a/link.txt").symlink_to(outside / "secret.txt")
    (files.folder(STAGE) / "inner").symlink_to(files.folder(STAGE) / "a")
    assert listed(files, "a/l") == []
    assert listed(files, "inner/") == []
    with pytest.raises(SnowflakeFault, match="leads out of the stage"):
        listed(files, "link/")


def test_folders_go_with_their_last_file(files: StageFiles) -> None:
    assert files.remove(STAGE, "a/b/") == ["a/b/3.txt"]
    assert not (files.folder(STAGE) / "a/b").exists()
    assert listed(files, "a/") == ["a/1.txt", "a/2.txt"]
