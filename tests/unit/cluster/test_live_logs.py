"""What nodes shipped while they ran: found on the stage, and removed when it is old."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.live_logs import live_logs, remove_old
from airflow_provider_raydp_spcs.spcs import rows
from airflow_provider_raydp_spcs.spcs.stages import StageFile

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
OLD, YOUNG = "10.0.0.1_20261101T000000Z", "10.0.0.2_20261102T000000Z"


class World:
    """A client with a stage."""

    def __init__(self) -> None:
        self.stages, self.removed = self, list[str]()
        ago = dt.timedelta(days=1)
        self.there = [
            StageFile(f"raydplogs/live/C/{OLD}/f.part-0-3", 3, "", NOW - 8 * ago),
            StageFile(f"raydplogs/live/C/{OLD}/f.part-3-5", 2, "", NOW - 9 * ago),
            StageFile(f"raydplogs/live/D/{YOUNG}/f.part-0-3", 3, "", NOW - 20 * ago),
            StageFile(f"raydplogs/live/D/{YOUNG}/last-seen.txt", 3, "", NOW - ago),
            StageFile("raydplogs/live/D/mine/f", 3, "", NOW - 20 * ago),
            StageFile("raydplogs/live/E/10.0.0.3_20260101T000000Z/f", 1, ""),
        ]

    def files(self, path: str) -> list[StageFile]:
        prefix = path.replace("@RAYDPLOGS/", "raydplogs/")
        return [file for file in self.there if file.name.startswith(prefix)]

    def remove(self, path: str) -> None:
        self.removed.append(path)


@pytest.fixture
def world() -> Any:
    return World()


def test_lives_of_nodes_are_told_the_oldest_first(world: Any) -> None:
    found = live_logs(world, "RAYDPLOGS")
    assert [(each.cluster, str(each.boot), each.size) for each in found] == [
        ("E", "10.0.0.3_20260101T000000Z", 1), ("C", OLD, 5), ("D", YOUNG, 6),
    ]  # fmt: skip
    assert found[1].last == NOW - dt.timedelta(days=8)
    assert [each.cluster for each in live_logs(world, "RAYDPLOGS", "c")] == ["C"]


def test_only_what_is_old_is_removed(world: Any) -> None:
    week = dt.timedelta(days=7)
    lines: list[str] = []
    assert [each.cluster for each in remove_old(world, "RAYDPLOGS", week, NOW, only_tell=True)] == ["E", "C"]
    assert world.removed == []
    remove_old(world, "RAYDPLOGS", week, NOW, progress=lines.append)
    assert world.removed == ["@RAYDPLOGS/live/E/10.0.0.3_20260101T000000Z/", f"@RAYDPLOGS/live/C/{OLD}/"]
    assert lines[1] == f"removed live/C/{OLD}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue, 24 Nov 2026 02:11:38 GMT", dt.datetime(2026, 11, 24, 2, 11, 38, tzinfo=dt.UTC)),
        ("Tue, 24 Nov 2026 02:11:38", dt.datetime(2026, 11, 24, 2, 11, 38, tzinfo=dt.UTC)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_time_of_list_is_read(text: str | None, expected: dt.datetime | None) -> None:
    assert rows.mail_date({"last_modified": text}, "last_modified") == expected
