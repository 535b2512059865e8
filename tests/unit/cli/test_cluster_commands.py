"""``raydp-spcs cluster``: what it asks for, what it says to people and to programs, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli import log_printing
from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode
from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.airflow.fakes import FakeHead, FakeSnowflake
from tests.unit.cli.conftest import ask, run


def wanted(*options: str) -> Any:
    """The configuration that options ask for."""
    return ask("cluster", "create", "c", "--dry-run", *options)["config"]


def test_options_make_a_configuration() -> None:
    found = wanted(
        *(
            "--workers",
            "3",
            "--worker-family",
            "HIGHMEM_X64_S",
            "--worker-memory",
            "20Gi",
            "--head-family",
            "CPU_X64_M",
        ),
        *("--worker-group", "name=gpu,family=GPU_NV_S,count=1,env.MODE=1,resources.custom_worker=2", "--notebook"),
        *("--max-life", "8h", "--max-idle", "90m", "--idle-action", "drop", "--tag", "team=a=b", "--eai", "pypi"),
    )
    assert (found["name"], found["notebook"], found["monitoring"]) == ("C", True, wanted()["monitoring"])
    assert found["head"]["instance_family"] == "CPU_X64_M"
    worker, gpu = found["worker_groups"]
    assert (worker["name"], worker["count"], worker["memory"]) == ("worker", 3, "20Gi")
    assert (gpu["name"], gpu["count"], gpu["env"], gpu["resources"]) == ("gpu", 1, {"MODE": "1"}, {"custom_worker": 2})
    assert (found["max_life_seconds"], found["max_idle_seconds"], found["idle_action"]) == (28800, 5400, "drop")
    assert (found["tags"], found["external_access_integrations"]) == ({"team": "a=b"}, ["pypi"])


@pytest.mark.parametrize("render", [json.dumps, lambda values: f"# a comment\n{json.dumps(values)}"])
def test_options_win_over_the_file(tmp_path: Path, render: Any) -> None:
    file = tmp_path / "c.yaml"
    groups = [{"name": "worker", "count": 5, "memory": "9Gi"}, {"name": "extra", "count": 2}]
    file.write_text(render({"worker_groups": groups, "notebook": True, "max_life_seconds": 60}))
    found = wanted("--config", str(file), "--workers", "1", "--worker-group", "name=extra,count=4", "--no-notebook")
    assert [(each["name"], each["count"], each["memory"]) for each in found["worker_groups"]] == [
        ("worker", 1, "9Gi"),
        ("extra", 4, None),
    ]
    assert (found["notebook"], found["max_life_seconds"]) == (False, 60)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--worker-group", "family=GPU_NV_S"], "has no name; write name=gpu"),
        (["--worker-group", "name=g,colour=red"], "'colour' is unknown; allowed are count,"),
        (["--worker-group", "name=g,count"], "is not NAME=VALUE"),
        (["--worker-group", "name=g,count=many"], "whole numbers from 1"),
        (["--worker-family", "CPU_X64"], "did you mean CPU_X64"),
        (["--worker-memory", "900Gi"], "more than a node of CPU_X64_S has"),
        (["--max-life", "soon"], "--max-life 'soon' is no length of time; write 90s, 15m, 8h or 2d"),
        (["--max-life", "1s"], "whole numbers from 60"),
        (["--idle-action", "sing"], "allowed are suspend, drop"),
        (["--tag", "nothing"], "is not NAME=VALUE"),
        (["--config", "nowhere.yaml"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    snowflake: FakeSnowflake, options: list[str], part: str
) -> None:
    said = run("cluster", "create", "c", *options, code=ExitCode.USAGE)
    assert part in said.err
    assert said.out == ""
    assert snowflake.calls == []
    error = ask("cluster", "create", "c", *options, code=ExitCode.USAGE)["error"]
    assert part in error["message"]
    assert error["exit_code"] == ExitCode.USAGE


def test_the_file_says_how_to_monitor(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("monitoring: {grafana: false, retention_days: 3}")
    assert wanted("--config", str(file), "--monitoring")["monitoring"]["retention_days"] == 3
    assert wanted("--config", str(file), "--no-monitoring")["monitoring"] is None
    assert wanted("--monitoring")["monitoring"]["grafana"] is True


def test_a_list_is_no_configuration(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("- 1")
    assert "is no mapping" in run("cluster", "create", "c", "--config", str(file), code=ExitCode.USAGE).err


def test_a_dry_run_prints_statements_that_a_script_can_hold() -> None:
    said = run("cluster", "create", "c", "--dry-run", "--database", "d", "--schema", "s")
    assert said.out.startswith("CREATE COMPUTE POOL IF NOT EXISTS C_HEAD_POOL")
    assert "CREATE SERVICE IF NOT EXISTS D.S.C_WORKER" in said.out
    assert said.err == ""


def test_create_waits_and_answers_the_addresses(snowflake: FakeSnowflake) -> None:
    said = run("cluster", "create", "c", "--workers", "1", "--max-life", "1h")
    assert "dashboard" in said.out
    assert "https://127.0.0.1:9" in said.out
    assert "Cluster C is ready." in said.err
    comment = ClusterComment.read(snowflake.services.there["C_HEAD"].comment)
    assert comment is not None
    assert comment.owner == "ALICE"
    assert comment.expiry is not None
    again = ask("cluster", "create", "c", "--workers", "1", "--max-life", "1h", "--owner", "ALICE")
    assert (again["state"], again["ready"], again["owner"]) == ("READY", True, "ALICE")
    assert snowflake.calls.count("create service C_HEAD") == 1


def test_create_need_not_wait(snowflake: FakeSnowflake) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    assert "Cluster C is asked for." in run("cluster", "create", "c", "--no-wait").err


@pytest.mark.parametrize(("options", "left"), [([], True), (["--roll-back"], False)])
def test_what_does_not_come_up_is_told_and_taken_back_if_wanted(
    snowflake: FakeSnowflake, options: list[str], left: bool
) -> None:
    snowflake.services.come_up, snowflake.services.log = ServiceStatus.FAILED, "no such image"
    said = run("cluster", "create", "c", *options, code=ExitCode.NOT_READY)
    assert "no such image" in said.err
    assert ("raydp-spcs cluster delete C" in said.err) is left
    assert bool(snowflake.compute_pools.there) is left


def test_a_cluster_of_somebody_elses_is_a_conflict(snowflake: FakeSnowflake) -> None:
    snowflake.make("C", owner="dag")
    assert "Give cluster C another name" in run("cluster", "create", "c", code=ExitCode.CONFLICT).err


def test_not_in_time(snowflake: FakeSnowflake) -> None:
    snowflake.services.come_up = ServiceStatus.PENDING
    assert "is not ready in time" in run("cluster", "create", "c", "--timeout", "0s", code=ExitCode.NOT_READY).err


def test_the_list(snowflake: FakeSnowflake) -> None:
    assert "raydp-spcs cluster create NAME" in run("cluster", "list").out
    assert ask("cluster", "list") == {"clusters": []}
    snowflake.make("C", owner="my dag")
    out = run("cluster", "list").out
    assert out.splitlines()[0].split() == [
        "CLUSTER",
        "STATE",
        "OWNER",
        "NODES",
        "AGE",
        "EXPIRES",
        "CREDITS/H",
        "CREDITS",
    ]
    assert "my dag" in out
    assert "head 0/1, worker 0/1" in out
    (found,) = ask("cluster", "list")["clusters"]
    assert (found["name"], found["state"], found["owner"]) == ("C", "READY", "my dag")


def test_the_overrides_reach_the_connection(snowflake: FakeSnowflake) -> None:
    run("cluster", "list", "-c", "mine", "--database", "d", "--schema", "s", "--role", "r", "--warehouse", "w")
    scope: Any = snowflake.scope  # type: ignore[attr-defined]
    assert scope.connection == "mine"
    assert scope.overrides == {"database": "d", "schema": "s", "role": "r", "warehouse": "w"}


def test_the_status(snowflake: FakeSnowflake) -> None:
    assert "there is no cluster NOWHERE" in run("cluster", "status", "nowhere", code=ExitCode.NOT_FOUND).err
    snowflake.make("C", owner="me")
    snowflake.services.become(ServiceStatus.PENDING)
    out = run("cluster", "status", "c").out
    assert out.startswith("C\n")
    assert "Waiting to start" in out
    found = ask("cluster", "status", "c")
    assert (found["state"], found["ready"]) == ("STARTING", False)
    assert {each["group"] for each in found["containers"]} == {"HEAD", "WORKER"}


def test_the_status_is_watched_until_the_cluster_is_gone(
    snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch
) -> None:
    snowflake.make("C")

    def later(seconds: float) -> None:
        if snowflake.services.there:
            snowflake.services.there = {}
        else:
            snowflake.compute_pools.there = {}

    monkeypatch.setattr("airflow_provider_raydp_spcs.cli.cluster_commands.time", SimpleNamespace(sleep=later))
    said = run("cluster", "status", "c", "--watch", "--output", "json")
    assert [json.loads(line)["state"] for line in said.out.splitlines()] == ["READY", "LEFT_OVER"]
    assert "cluster C is gone" in said.err


def test_urls_and_the_token_on_request_only(snowflake: FakeSnowflake, head: FakeHead) -> None:
    head.notebook_token = "canary-notebook"
    assert ask("cluster", "urls", "c")["urls"]["dashboard"] == f"https://{head.host}"
    quiet = run("cluster", "urls", "c")
    assert "dashboard" in quiet.out
    assert "canary-notebook" not in quiet.out + quiet.err
    said = run("cluster", "urls", "c", "--notebook-token")
    assert "canary-notebook" in said.out
    assert "canary-notebook" not in said.err
    assert ask("cluster", "urls", "c", "--notebook-token")["notebook_token"] == "canary-notebook"
    head.notebook_token = None
    run("cluster", "urls", "c", "--notebook-token", code=ExitCode.NOT_FOUND)


def test_logs_of_containers(snowflake: FakeSnowflake) -> None:
    snowflake.make("C")
    out = run("cluster", "logs", "c").out
    assert out.splitlines() == ["[head/0 raydp] hello", "[worker/0 raydp] hello"]
    assert run("cluster", "logs", "c", "--group", "worker").out == "hello\n"
    (found,) = ask("cluster", "logs", "c", "--group", "head")["logs"]
    assert found == {"group": "HEAD", "instance": "0", "container": "raydp", "lines": ["hello"]}
    for option, value in (("--group", "gpu"), ("--instance", "7"), ("--container", "side")):
        said = run("cluster", "logs", "c", option, value, code=ExitCode.NOT_FOUND)
        assert "it has: head/0 raydp, worker/0 raydp" in said.err


def test_logs_are_followed_without_repeating(snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch) -> None:
    snowflake.make("C")
    texts = ["one\ntwo", "two\nthree\nfour", "four"]

    def later(seconds: float) -> None:
        if not texts:
            raise KeyboardInterrupt
        snowflake.services.log = texts.pop(0)

    later(0)
    monkeypatch.setattr(log_printing.time, "sleep", later)
    assert run("cluster", "logs", "c", "--group", "head", "--follow").out.splitlines() == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_scale_suspend_resume(snowflake: FakeSnowflake) -> None:
    snowflake.make("C")
    assert "service C_WORKER is asked for 4 instance(s)" in run("cluster", "scale", "c", "4").err
    assert snowflake.compute_pools.there["C_WORKER_POOL"].max_nodes == 4
    said = run("cluster", "scale", "c", "2", "--group", "gpu", code=ExitCode.NOT_FOUND)
    assert "no worker group 'gpu'; it has ['WORKER']" in said.err
    asleep = ask("cluster", "suspend", "c")
    assert (asleep["state"], asleep["credits_per_hour"]) == ("SUSPENDED", 0)
    assert ask("cluster", "resume", "c", "--no-wait")["state"] == "STARTING"
    for command in ("suspend", "resume"):
        run("cluster", command, "nowhere", code=ExitCode.NOT_FOUND)


def test_delete_asks_first(snowflake: FakeSnowflake) -> None:
    snowflake.make("C")
    assert "say --yes" in run("cluster", "delete", "c", code=ExitCode.USAGE).err
    assert snowflake.calls == []
    said = run("cluster", "delete", "c", "--yes")
    assert "Cluster C is deleted; cost: at most" in said.err
    assert ask("cluster", "delete", "c") == {
        "name": "C",
        "services": [],
        "pools": [],
        "cost": {"credits_at_most": 0, "pools": []},
    }


def test_a_cluster_in_use_is_deleted_by_force_only(snowflake: FakeSnowflake) -> None:
    snowflake.make("C")
    snowflake.leases.acquire("C", "dag/run")
    assert "is in use by dag/run" in run("cluster", "delete", "c", "--yes", code=ExitCode.CONFLICT).err
    assert ask("cluster", "delete", "c", "--yes", "--force")["services"] == ["C_HEAD", "C_WORKER"]


def test_privileges_have_a_code_of_their_own(snowflake: FakeSnowflake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **named: object) -> None:
        raise InsufficientPrivilegesError("GRANT something", 3001)

    monkeypatch.setattr(snowflake.services, "show", refused)
    assert "GRANT something" in run("cluster", "list", code=ExitCode.NOT_ALLOWED).err
