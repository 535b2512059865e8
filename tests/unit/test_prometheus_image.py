"""The script that starts Prometheus, run with a program of that name that tells what it was given."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.cluster.monitoring import prometheus
from airflow_provider_raydp_spcs.shipped import shipped

SCRIPT = shipped("images") / "prometheus" / "entrypoint.sh"
SHELLS = [["/bin/sh"], *([["busybox", "sh"]] if shutil.which("busybox") else [])]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of the specification, and a PATH with the fake on it."""
    program = tmp_path / "bin" / "prometheus"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    (container,) = prometheus(ClusterConfig("my_c", monitoring=True), "/d/s/r/prometheus:1").containers  # type: ignore[arg-type]
    return {**container.env, "RAYDP_DATA_DIR": str(tmp_path / "data"), "PATH": f"{program.parent}:/usr/bin:/bin"}


def run(environment: dict[str, str], shell: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, SCRIPT, *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_prometheus_is_told_where_its_targets_and_data_are(
    environment: dict[str, str], tmp_path: Path, shell: list[str]
) -> None:
    for _ in range(2):  # the second time the data are there
        done = run(environment, shell, "--log.level=debug")
        assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"--config.file={tmp_path}/data/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data/tsdb",
        "--storage.tsdb.retention.time=15d",
        "--storage.tsdb.retention.size=16GB",
        "--web.listen-address=0.0.0.0:9090",
        "--log.level=debug",
    ]
    config = yaml.safe_load((tmp_path / "data" / "prometheus.yml").read_text())
    assert {each["job_name"]: each["http_sd_configs"][0]["url"] for each in config["scrape_configs"]} == {
        "ray": "http://my-c-head:8265/api/prometheus/sd",
        "spark": "http://my-c-head:8091/spark-targets",
    }


def test_where_several_instances_share_a_machine_it_listens_at_its_own_address(environment: dict[str, str]) -> None:
    done = run({**environment, "SPCS_INSTANCE_ADDRESS": "127.64.0.9"}, ["/bin/sh"])
    assert "--web.listen-address=127.64.0.9:9090" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PATH": "/nowhere"}, "there is no program 'prometheus' on PATH; install it (Debian, Ubuntu: apt-get install"),
        ({"RAYDP_RETENTION": ""}, "RAYDP_RETENTION is not set; the cluster's specification sets it"),
        ({"RAYDP_DATA_DIR": "/proc/nope"}, "/proc/nope cannot be written"),
    ],
)
def test_what_is_missing_is_named(environment: dict[str, str], change: dict[str, str], message: str) -> None:
    done = run({**environment, **change}, ["/bin/sh"])
    assert done.returncode == 1
    assert done.stderr.startswith(f"prometheus: {message}")
    assert not done.stdout
