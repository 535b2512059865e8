"""Which Spark drivers Prometheus is told of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from airflow_provider_raydp_spcs.node.spark_targets import DRIVERS, spark_targets
from airflow_provider_raydp_spcs.runtime.drivers import Driver, alive, listed

LIST_AND_WAIT = """
import sys, pathlib
from airflow_provider_raydp_spcs.runtime.drivers import Driver, listed
with listed(Driver("other", "127.0.0.1:4041"), pathlib.Path(sys.argv[1])):
    print("listed", flush=True)
    sys.stdin.read()
"""


def test_a_driver_is_listed_while_it_lives(tmp_path: Path) -> None:
    folder = tmp_path / DRIVERS
    assert spark_targets(tmp_path) == []
    with listed(Driver("mine", "10.0.0.1:4040"), folder):
        assert spark_targets(tmp_path) == [
            {
                "targets": ["10.0.0.1:4040"],
                "labels": {"__metrics_path__": "/metrics/prometheus/", "app": "mine", "part": "driver"},
            },
            {
                "targets": ["10.0.0.1:4040"],
                "labels": {"__metrics_path__": "/metrics/executors/prometheus", "app": "mine", "part": "executors"},
            },
        ]
    assert spark_targets(tmp_path) == []
    assert list(folder.iterdir()) == []


def test_a_driver_that_was_killed_drops_out(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LIST_AND_WAIT, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listed\n"
        with listed(Driver("mine", "127.0.0.1:4040"), tmp_path):
            assert {driver.name for driver in alive(tmp_path)} == {"mine", "other"}
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert [driver.name for driver in alive(tmp_path)] == ["mine"]
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_no_drivers_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("nonsense")
    (tmp_path / "y.txt").write_text("")
    assert alive(tmp_path) == []
