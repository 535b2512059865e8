"""``snow stage``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.snowflake_cli.snow import Snow


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "in" / "deep er").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "c.csv", "deep er/it's.txt"):
        (folder / "in" / name).write_text(f"this is {name}\n")
    return folder


@pytest.fixture(scope="module")
def stage(snow: Snow, files: Path) -> Iterator[str]:
    assert "Stage area HERE successfully created." in snow.says("stage", "create", "here")
    assert "UPLOADED" in snow.says("stage", "copy", "in", "@here/tree", "--recursive", folder=files)
    yield "@here"
    assert "HERE successfully dropped." in snow.says("stage", "drop", "here")


def names(snow: Snow, location: str, *options: str) -> list[str]:
    return sorted(row["name"] for row in snow.rows("stage", "list-files", location, *options))


def test_a_folder_goes_up_and_comes_down_as_it_was(snow: Snow, stage: str, files: Path, tmp_path: Path) -> None:
    expected = ["here/tree/a.txt", "here/tree/b.txt", "here/tree/c.csv", "here/tree/deep er/it's.txt"]
    assert names(snow, f"{stage}/tree") == expected
    assert "DOWNLOADED" in snow.says("stage", "copy", f"{stage}/tree", str(tmp_path), "--recursive")
    for name in ("a.txt", "deep er/it's.txt"):
        assert (tmp_path / name).read_text() == (files / "in" / name).read_text()


def test_globs_choose_files(snow: Snow, stage: str, files: Path) -> None:
    rows = snow.rows("stage", "copy", "in/*.txt", f"{stage}/some/", folder=files)
    assert [(row["source"], row["status"]) for row in rows] == [("a.txt", "UPLOADED"), ("b.txt", "UPLOADED")]
    assert names(snow, f"{stage}/some") == ["here/some/a.txt", "here/some/b.txt"]


def test_a_file_is_written_over_only_when_asked(snow: Snow, stage: str, files: Path) -> None:
    def status(*options: str) -> str:
        row = snow.rows("stage", "copy", "in/c.csv", f"{stage}/once/", *options, folder=files)
        return str((row[0] if isinstance(row, list) else row)["status"])

    assert [status(), status(), status("--overwrite")] == ["UPLOADED", "SKIPPED", "UPLOADED"]


def test_a_pattern_lists_files(snow: Snow, stage: str) -> None:
    assert names(snow, stage, "--pattern", r".*tree.*\.csv") == ["here/tree/c.csv"]


def test_one_file_comes_down(snow: Snow, stage: str, tmp_path: Path) -> None:
    snow.says("stage", "copy", f"{stage}/tree/c.csv", str(tmp_path))
    assert (tmp_path / "c.csv").read_text() == "this is c.csv\n"


def test_files_are_copied_between_places_on_stages(snow: Snow, stage: str) -> None:
    snow.says("stage", "copy", f"{stage}/tree", f"{stage}/twin")
    assert [name.rpartition("/")[2] for name in names(snow, f"{stage}/twin")] == ["a.txt", "b.txt", "c.csv", "it's.txt"]


def test_a_file_is_removed(snow: Snow, stage: str, files: Path) -> None:
    snow.says("stage", "copy", "in/a.txt", f"{stage}/gone/", folder=files)
    assert snow.rows("stage", "remove", "here", "gone/a.txt") == {"name": "here/gone/a.txt", "result": "removed"}
    assert snow.rows("stage", "list-files", f"{stage}/gone") == []


def test_stages_are_listed_and_described(snow: Snow, stage: str) -> None:
    assert stage
    (row,) = snow.rows("stage", "list", "--like", "HERE")
    assert (row["name"], row["schema_name"], row["type"]) == ("HERE", "RAYDP_SIS_CORE_SCHEMA", "INTERNAL")
    assert snow.rows("stage", "describe", "here")


def test_a_stage_that_is_not_there_is_named(snow: Snow) -> None:
    said = snow.fails("stage", "list-files", "@nowhere")
    assert "002003 (02000)" in said
    assert "NOWHERE' does not exist or not authorized." in said
