"""``raydp-spcs reap``: what is deleted, what is spared, and what it says."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from tests.unit.airflow.fakes import FakeSnowflake
from tests.unit.cli.conftest import ask, run


@pytest.fixture
def snowflake(snowflake: FakeSnowflake) -> FakeSnowflake:
    """A Snowflake with one cluster that has expired and one that has not."""
    snowflake.clusters().create(ClusterConfig("OVER"), owner="dag", expires="2020-01-01T00:00:00+00:00")
    snowflake.clusters().create(ClusterConfig("ENDLESS"))
    snowflake.calls.clear()
    return snowflake


@pytest.mark.parametrize("words", [["reap"], ["cluster", "reap"]])
def test_what_has_expired_is_deleted(snowflake: FakeSnowflake, words: list[str]) -> None:
    said = run(*words)
    assert "Found 1 to delete." in said.err
    assert "deleting OVER of dag: expired at 2020-01-01T00:00:00+00:00" in said.err
    assert "OVER" in said.out
    assert set(snowflake.services.there) == {"ENDLESS_HEAD", "ENDLESS_WORKER"}


@pytest.mark.parametrize(
    ("options", "part"), [(["--dry-run"], "would delete OVER of dag"), (["--owner", "other"], "Found 0 to delete.")]
)
def test_nothing_is_deleted_that_should_not_be(snowflake: FakeSnowflake, options: list[str], part: str) -> None:
    assert part in run("reap", *options).err
    assert snowflake.calls == []


def test_a_failure_is_the_commands_failure(snowflake: FakeSnowflake) -> None:
    snowflake.services.fail_on = "OVER_HEAD"
    said = run("reap", code=ExitCode.NOT_READY)
    assert "ClustersNotReapedError: 1 of 1 clusters could not be reaped" in said.err


def test_for_programs(snowflake: FakeSnowflake) -> None:
    answer = ask("reap", "--dry-run")
    assert (answer["dry_run"], [each["cluster"] for each in answer["reaped"]]) == (True, ["OVER"])
    assert snowflake.calls == []
    run("reap", "--max-age", "often", code=ExitCode.USAGE)
