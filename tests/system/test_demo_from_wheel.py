"""``raydp-spcs demo`` from the built wheel, in an empty folder: the whole way as a new user goes it."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.cli.demo.leftovers import processes_of
from tests.flights_oracle import assert_rows_equal, expected_rows

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that has the wheel, and the dependencies of the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,) = folder.glob("*.whl")
    environment = folder / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, "--no-deps", wheel], check=True
    )
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return environment / "bin"


@pytest.fixture(scope="module")
def demo(
    installed_wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    empty = tmp_path_factory.mktemp("empty")
    # Ray's own scripts, Airflow's and Python's are looked up beside the interpreter first, then here.
    path = os.pathsep.join([str(installed_wheel), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [installed_wheel / "raydp-spcs", "demo", "--day", "2013-01-01", "--report", "report.json"],
        cwd=empty,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done, empty


def test_the_wheel_holds_what_the_demo_needs(installed_wheel: Path) -> None:
    where = "import airflow_provider_raydp_spcs.shipped as s; print(*[s.shipped(n) for n in ('images', 'sql', 'dags')])"
    out = subprocess.check_output([installed_wheel / "python", "-c", where], cwd="/", text=True)
    assert out.count("/_shipped/") == 3, out


def test_it_ends_well(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, _ = demo
    assert done.returncode == 0, done.stdout[-6000:]
    assert "no service, no compute pool and no process" in done.stdout


def test_nothing_is_left_running(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, empty = demo
    assert processes_of(empty) == []


def test_the_rows_are_those_of_the_files(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, empty = demo
    rows = json.loads((empty / "report.json").read_text())["rows"]
    assert sum(row["flights"] for row in rows) == 842
    assert_rows_equal(rows, expected_rows(dt.date(2013, 1, 1)))


def test_logs_of_driver_executors_and_containers_are_exported(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, empty = demo
    files = [name for name, _ in json.loads((empty / "report.json").read_text())["files"]]
    below = [name.split("/") for name in files]
    # raydplogs/<cluster>/<dag>/<run>/<task>/<try>/<kind>/…
    assert all(parts[2] == "flights_daily_etl" and parts[5] == "1" for parts in below), files
    kinds = {parts[6] for parts in below}
    assert {"driver.log", "executors", "containers"} <= kinds, files
    containers = {parts[7].split("-")[0] for parts in below if parts[6] == "containers"}
    assert len(containers) == 2, f"head and worker: {containers}"
