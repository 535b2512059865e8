"""The command line's ``cluster`` and ``logs`` over every kind of connection, from a cluster's creation to its deletion.

Its nodes are light; what the command line does with jobs is in ``test_cluster.py``, whose cluster has a real Ray.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from tests.integration.light import light_snowflake
from tests.shell import Shell

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
NAME = "CLITEST"
CONFIG = "worker_groups:\n- {name: worker, count: 2, instance_family: CPU_X64_SL}\nmax_life_seconds: 7200\n"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell with a cluster that was created in it, and is deleted at the end whatever came."""
    with light_snowflake(tmp_path_factory.mktemp("images")) as environment:
        found = Shell(environment, tmp_path_factory.mktemp("shell"))
        try:
            words = ["--config", found.write("cluster.yaml", CONFIG), "--workers", "1", "--head-family", "CPU_X64_SL"]
            made = found.ask("cluster", "create", NAME, *words)
            assert (made["name"], made["state"], made["ready"]) == (NAME, "READY", True)
            yield found
        finally:
            deleted = found.ask("cluster", "delete", NAME, "--yes")
            assert sorted(deleted["services"]) == [f"{NAME}_HEAD", f"{NAME}_WORKER"]
            assert found.ask("cluster", "list") == {"clusters": []}


@pytest.mark.parametrize("connection", ["env", "local", "airflow:snowflake_default"])
def test_every_kind_of_connection_sees_the_cluster(shell: Shell, connection: str) -> None:
    """The variables, the connector's ``connections.toml`` and Airflow's connection: ``local env`` prints them all."""
    (found,) = shell.ask("cluster", "list", "-c", connection)["clusters"]
    assert (found["name"], found["state"]) == (NAME, "READY")
    nodes = {pool["group"]: (pool["nodes"], pool["wanted"]) for pool in found["pools"]}
    assert nodes == {"HEAD": (1, 1), "WORKER": (1, 1)}
    assert found["credits_per_hour"] == pytest.approx(0.82)
    assert found["expires_on"] is not None


def test_who_cannot_be_reached_or_is_unknown(shell: Shell) -> None:
    error = shell.ask("cluster", "list", "-c", "nix", code=ExitCode.NOT_CONNECTED)["error"]
    assert "your connections.toml has ['local']" in error["message"]
    error = shell.ask("cluster", "list", "-c", "local", "--schema", "NOWHERE", code=ExitCode.USAGE)["error"]
    assert "no current database and schema" in error["message"]


def test_status_urls_and_logs_of_the_cluster(shell: Shell) -> None:
    look = shell.ask("cluster", "status", NAME)
    assert {each["group"]: each["status"] for each in look["containers"]} == {"HEAD": "READY", "WORKER": "READY"}
    out, _ = shell.run("cluster", "status", NAME)
    assert out.startswith(f"{NAME}\n")
    urls = shell.ask("cluster", "urls", NAME)["urls"]
    assert urls["dashboard"].startswith("https://")
    (head,) = shell.ask("cluster", "logs", NAME, "--group", "head")["logs"]
    assert head["lines"] == ["up"]
    for words in (["status", "NOBODY"], ["urls", "NOBODY"], ["logs", NAME, "--group", "gpu"]):
        shell.run("cluster", *words, code=ExitCode.NOT_FOUND)


def test_creating_it_again_changes_nothing(shell: Shell) -> None:
    _, err = shell.run(
        "cluster", "create", NAME, "--config", "cluster.yaml", "--workers", "1", "--head-family", "CPU_X64_SL"
    )
    assert err.count("exists and is used") == 4
    refused = shell.ask("cluster", "create", NAME, "--workers", "3", "--owner", "other", code=ExitCode.CONFLICT)
    assert "choose another cluster name" in refused["error"]["message"]


def test_logs_on_the_stage(shell: Shell) -> None:
    """As a run has put them there; nothing more is needed of the cluster."""
    shell.write("driver.log", "the last word\n")
    with connect(shell.environment) as connection:
        client_of(connection).stages.put(shell.folder / "driver.log", "@RAYDPLOGS/OLD/dag/run")
        client_of(connection).stages.put(shell.folder / "driver.log", "@RAYDPLOGS/OLD/dag/run/executors/e1")
    listed = shell.ask("logs", "ls", "OLD")["files"]
    assert sorted(each["path"] for each in listed) == ["OLD/dag/run/driver.log", "OLD/dag/run/executors/e1/driver.log"]
    shell.run("logs", "get", "OLD/dag", "here")
    for each in listed:
        assert (shell.folder / "here" / each["path"]).read_text() == "the last word\n"
    shell.run("logs", "get", "NOBODY", code=ExitCode.NOT_FOUND)


def test_scaling_and_sleeping(shell: Shell) -> None:
    scaled = shell.ask("cluster", "scale", NAME, "2")
    assert {pool["group"]: (pool["nodes"], pool["wanted"]) for pool in scaled["pools"]} == {
        "HEAD": (1, 1),
        "WORKER": (2, 2),
    }
    asleep = shell.ask("cluster", "suspend", NAME)
    assert (asleep["state"], asleep["credits_per_hour"]) == ("SUSPENDED", 0)
    _, err = shell.run("job", "list", NAME, code=ExitCode.NOT_CONNECTED)
    assert "resume the cluster" in err
    assert shell.ask("cluster", "resume", NAME)["ready"] is True


def test_nothing_is_deleted_unasked(shell: Shell) -> None:
    answer = shell.ask("cluster", "delete", NAME, code=ExitCode.USAGE)
    assert "say --yes" in answer["error"]["message"]
    assert shell.ask("cluster", "reap") == {"dry_run": False, "reaped": []}
