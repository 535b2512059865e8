"""The installed command ``raydp-spcs`` against a local Snowflake, as a user types it: one cluster from creation to deletion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cli.exit_codes import ExitCode

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]
COMMAND = str(Path(sys.executable).with_name("raydp-spcs"))
NAME = "CLITEST"
JOB = """
import sys
import pyspark.sql.functions as F
from airflow_provider_raydp_spcs.runtime import set_result, spark_session
with spark_session("cli") as spark:
    total = spark.range(int(sys.argv[1])).agg(F.sum("id")).first()[0]
print("the sum is", total)
set_result({"total": total})
"""
CONNECTIONS = ["env", "local", "airflow:snowflake_default"]
"""The variables, the connector's ``connections.toml``, and Airflow's connection: ``local env`` prints them all."""


class Shell:
    """Where commands are typed."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        private = {"XDG_CACHE_HOME": str(folder / "cache"), "AIRFLOW_HOME": str(folder / "airflow")}
        self.environment, self.folder = {**os.environ, **environment, **private}, folder

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *words], env=self.environment, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str, code: ExitCode = ExitCode.OK) -> str:
        """What a command answers on standard output."""
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        assert process.returncode == code, f"{words}: {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out

    def ask(self, *words: str, code: ExitCode = ExitCode.OK) -> Any:
        """The same, as JSON; nothing else may be on standard output."""
        return json.loads(self.run(*words, "--output", "json", code=code))


@pytest.fixture(scope="module")
def shell(local_snowflake: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell with a cluster that was created in it, and is deleted at the end whatever came."""
    found = Shell(local_snowflake, tmp_path_factory.mktemp("shell"))
    config = found.folder / "cluster.yaml"
    config.write_text(
        "worker_groups:\n- {name: worker, count: 2, instance_family: CPU_X64_S}\nmax_life_seconds: 7200\n"
    )
    try:
        made = found.ask("cluster", "create", NAME, "--config", str(config), "--workers", "1", "--timeout", "200s")
        assert (made["name"], made["state"], made["ready"]) == (NAME, "READY", True)
        yield found
    finally:
        deleted = found.ask("cluster", "delete", NAME, "--yes", "--force")
        assert sorted(deleted["services"]) == [f"{NAME}_HEAD", f"{NAME}_WORKER"]
        found.run("cluster", "status", NAME, code=ExitCode.NOT_FOUND)


@pytest.mark.parametrize("connection", CONNECTIONS)
def test_every_kind_of_connection_sees_the_cluster(shell: Shell, connection: str) -> None:
    (found,) = [each for each in shell.ask("cluster", "list", "-c", connection)["clusters"] if each["name"] == NAME]
    assert found["state"] == "READY"
    assert {pool["group"]: (pool["nodes"], pool["wanted"]) for pool in found["pools"]} == {
        "HEAD": (1, 1),
        "WORKER": (1, 1),
    }
    assert found["expires_on"] is not None
    assert isinstance(shell.ask("job", "list", NAME, "-c", connection)["jobs"], list), "the ingress lets it in, too"


def test_status_urls_and_logs_of_the_cluster(shell: Shell) -> None:
    look = shell.ask("cluster", "status", NAME)
    assert {each["group"]: each["status"] for each in look["containers"]} == {"HEAD": "READY", "WORKER": "READY"}
    assert f"{NAME}\n" in shell.run("cluster", "status", NAME)
    assert shell.ask("cluster", "urls", NAME)["urls"]["dashboard"].startswith("https://")
    shell.run("cluster", "urls", NAME, "--notebook-token", code=ExitCode.NOT_FOUND)
    (head,) = shell.ask("cluster", "logs", NAME, "--group", "head", "--lines", "50")["logs"]
    assert any("Ray" in line for line in head["lines"])
    shell.run("cluster", "logs", NAME, "--group", "none", code=ExitCode.NOT_FOUND)


def test_jobs_from_submit_to_their_exported_logs(shell: Shell) -> None:
    (shell.folder / "sums.py").write_text(JOB)
    done = shell.ask("job", "submit", NAME, "sums.py", "--id", "sums", "--", "1000")
    assert (done["status"], done["result"]) == ("SUCCEEDED", {"total": 499500})
    assert "had been submitted already" in _errors(shell, "job", "submit", NAME, "sums.py", "--id", "sums", "--", "1")
    assert "the sum is 499500" in shell.run("job", "logs", NAME, "sums", "--lines", "5").splitlines()

    (shell.folder / "fails.py").write_text("raise SystemExit('no luck today')")
    failed = shell.ask("job", "submit", NAME, "fails.py", "--id", "fails", code=ExitCode.JOB_FAILED)
    assert failed["status"] == "FAILED"
    assert "no luck today" in failed["error"]["message"]

    (shell.folder / "long.py").write_text("import time\nprint('it begins', flush=True)\ntime.sleep(300)")
    assert shell.ask("job", "submit", NAME, "long.py", "--id", "long", "--no-wait")["submission_id"] == "long"
    following = shell.start("job", "logs", NAME, "long", "--follow")
    assert following.stdout is not None
    while "it begins" not in (line := following.stdout.readline()):
        assert line, "the log ended before the job had begun"
    assert [each["status"] for each in shell.ask("job", "stop", NAME, "long")["jobs"]] == ["STOPPED"]
    assert following.wait(timeout=60) == ExitCode.OK, "the log ends with the job"
    assert shell.ask("job", "status", NAME, "long", "--wait", code=ExitCode.JOB_FAILED)["status"] == "STOPPED"
    shell.run("job", "status", NAME, "unknown", code=ExitCode.NOT_FOUND)
    found = {each["submission_id"]: each["status"] for each in shell.ask("job", "list", NAME)["jobs"]}
    assert found == {"sums": "SUCCEEDED", "fails": "FAILED", "long": "STOPPED"}

    exported = shell.ask("logs", "export", NAME, "sums", "--run", "mine")
    assert exported["missing"] == []
    listed = shell.ask("logs", "ls", f"{NAME}/cli/mine")["files"]
    assert f"{NAME}/cli/mine/jobs/1/driver.log" in [each["path"] for each in listed]
    assert len(listed) == len(exported["files"])
    shell.run("logs", "get", f"{NAME}/cli/mine", "here")
    assert "the sum is 499500" in (shell.folder / "here" / NAME / "cli/mine/jobs/1/driver.log").read_text()
    assert len([path for path in (shell.folder / "here").rglob("*") if path.is_file()]) == len(listed)
    shell.run("logs", "get", "nothing/here", code=ExitCode.NOT_FOUND)


def test_ctrl_c_leaves_the_job_and_says_how_to_stop_it(shell: Shell) -> None:
    (shell.folder / "waits.py").write_text("import time\nprint('it waits', flush=True)\ntime.sleep(300)")
    submitting = shell.start("job", "submit", NAME, "waits.py", "--id", "waits")
    assert submitting.stdout is not None
    while "it waits" not in (line := submitting.stdout.readline()):
        assert line, "the log ended before the job had begun"
    submitting.send_signal(signal.SIGINT)
    _, err = submitting.communicate(timeout=60)
    assert submitting.returncode == ExitCode.INTERRUPTED
    assert f"raydp-spcs job stop {NAME} waits" in err
    assert shell.ask("job", "status", NAME, "waits")["status"] == "RUNNING"
    shell.run("job", "stop", NAME, "waits")


def test_scaling_and_sleeping(shell: Shell) -> None:
    scaled = shell.ask("cluster", "scale", NAME, "2", "--timeout", "200s")
    assert {pool["group"]: pool["wanted"] for pool in scaled["pools"]} == {"HEAD": 1, "WORKER": 2}
    shell.run("cluster", "scale", NAME, "2", "--group", "gpu", code=ExitCode.NOT_FOUND)
    asleep = shell.ask("cluster", "suspend", NAME, "--timeout", "200s")
    assert (asleep["state"], asleep["credits_per_hour"]) == ("SUSPENDED", 0)
    shell.run("job", "list", NAME, code=ExitCode.NOT_CONNECTED)
    assert shell.ask("cluster", "resume", NAME, "--timeout", "200s")["ready"] is True
    deadline = time.monotonic() + 60
    while shell.ask("job", "list", NAME)["jobs"]:
        assert time.monotonic() < deadline, "the new head knows nothing of the old one's jobs"


def test_nobody_is_asked_where_nobody_is(shell: Shell) -> None:
    answer = shell.ask("cluster", "delete", NAME, code=ExitCode.USAGE)
    assert "say --yes" in answer["error"]["message"]


def _errors(shell: Shell, *words: str) -> str:
    """What a command says on standard error."""
    process = shell.start(*words)
    _, err = process.communicate(timeout=240)
    assert process.returncode == ExitCode.OK, err
    return err
