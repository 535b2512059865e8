"""What a task makes of its partition: pieces for the driver, files for the stage; the stage is a folder here."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from airflow_provider_raydp_spcs.runtime import staging
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError


class Folder:
    """Stands for a stage."""

    def __init__(self, place: Path, refuses: Exception | None = None) -> None:
        self.place, self.refuses = place, refuses

    def put(self, source: Path, target: str) -> None:
        assert target == "@S"
        if self.refuses:
            raise self.refuses
        shutil.copy(source, self.place / source.name)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    made = Folder(tmp_path)
    monkeypatch.setattr(staging, "connection", contextlib.nullcontext)
    monkeypatch.setattr(staging, "Stages", lambda _: made)
    return made


def batches(*sizes: int) -> Iterator[pa.RecordBatch]:
    start = 0
    for size in sizes:
        yield pa.RecordBatch.from_pydict({"n": range(start, start + size), "T": [str(each) for each in range(size)]})
        start += size


def told(*sizes: int) -> list[dict[str, Any]]:
    return [row for batch in staging._StagePartition("@S")(batches(*sizes)) for row in batch.to_pylist()]


def numbers(stage: Folder) -> list[int]:
    return sorted(n for file in stage.place.iterdir() for n in parquet.read_table(file)["n"].to_pylist())


def test_little_goes_back_to_the_driver_which_makes_one_file_of_all(stage: Folder) -> None:
    first, second = [row for sizes in ((3, 2), (4,)) for row in told(*sizes)]
    assert [first["row_count"], second["row_count"]] == [5, 4]
    assert first["file"] is None
    assert not list(stage.place.iterdir())
    name, size = staging._stage_pieces([first["piece"], second["piece"]], "@S")
    assert (stage.place / name).stat().st_size == size
    assert numbers(stage) == [0, 0, 1, 1, 2, 2, 3, 3, 4]


def test_no_rows_are_no_file(stage: Folder) -> None:
    assert told() == []
    assert told(0, 0) == []
    assert not list(stage.place.iterdir())


def test_much_is_a_file_of_the_task(stage: Folder) -> None:
    (row,) = told(10, 10_000, 7)
    assert row["row_count"] == 10_017
    assert row["piece"] is None
    assert (stage.place / row["file"]).stat().st_size == row["byte_count"]
    assert numbers(stage) == list(range(10_017))


def test_very_much_are_several_files_of_which_the_disk_holds_one(
    stage: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "FILE_BYTES", 1000)
    rows = told(10_000, 10_000, 10_000, 5)
    assert len({row["file"] for row in rows if row["file"]}) == 3
    assert sum(row["row_count"] for row in rows) == 30_005
    assert [row["row_count"] for row in rows if row["piece"]] == [5]
    assert numbers(stage) == list(range(30_000))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told(stage: Folder, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    stage.refuses = OSError(number, "No space left on device")
    with pytest.raises(TableError, match=r"the disk of .* is full .*No space left on device.* larger block volume"):
        told(10_000)
    stage.refuses = OSError(errno.EIO, "broken")
    with pytest.raises(OSError, match="broken"):
        told(10_000)


def test_a_stage_that_refuses_is_told(stage: Folder) -> None:
    stage.refuses = InsufficientPrivilegesError("Insufficient privileges to operate on stage 'S'", 3001)
    with pytest.raises(TableError, match=r"the stage @S does not take a file of .*: Insufficient privileges"):
        told(10_000)


def test_nothing_stays_on_the_disk_of_a_task_that_is_given_up(
    stage: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(own))

    def breaks() -> Iterator[pa.RecordBatch]:
        yield from batches(10_000)
        assert list(own.iterdir()), "there is a file under way"
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        list(staging._StagePartition("@S")(breaks()))
    assert not list(own.iterdir())
