"""The machine-learning example as it is parsed, and the samples that its first job makes."""

from __future__ import annotations

import runpy
import subprocess
import sys

import numpy as np
import pytest
from airflow.sdk.exceptions import ParamValidationError

from airflow_provider_raydp_spcs.shipped import shipped
from dags.jobs.samples_generate import FEATURES, log_odds, samples

FILE = shipped("dags") / "machine_learning.py"


def test_it_is_wired() -> None:
    dag = runpy.run_path(str(FILE))["dag"]
    tasks = {task.task_id.removeprefix("spark."): task for task in dag.tasks}
    assert set(tasks) == {"create_cluster", "generate", "train", "export_logs", "delete_cluster"}
    assert tasks["generate"].upstream_task_ids == {"spark.create_cluster"}
    assert tasks["train"].upstream_task_ids == {"spark.generate"}
    assert tasks["generate"].application_args == ["--rows", "{{ params.rows }}"]


@pytest.mark.parametrize("rows", [0, -1, 999, 100_000_001, 1.5, "many", None])
def test_a_wrong_number_of_rows_is_refused(rows: object) -> None:
    params = runpy.run_path(str(FILE))["dag"].params
    assert params["rows"] == 1_000_000
    with pytest.raises(ParamValidationError, match="rows"):
        params["rows"] = rows


def test_parsing_it_is_light() -> None:
    code = (
        f"import runpy, sys; runpy.run_path({str(FILE)!r}); "
        "print([name for name in ('ray', 'pyspark', 'raydp', 'pandas', 'numpy', 'pyarrow') if name in sys.modules])"
    )
    out = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True)
    assert out.strip().splitlines()[-1] == "[]"


def test_samples_are_the_same_each_time_and_other_in_each_part() -> None:
    first, again, other = samples(3, 1000), samples(3, 1000), samples(4, 1000)
    assert list(first) == [*FEATURES, "LABEL"]
    for name, values in first.items():
        assert np.array_equal(values, again[name]), name
        assert not np.array_equal(values, other[name]), name


def test_labels_follow_the_law() -> None:
    drawn = samples(0, 50_000)
    chance = 1 / (1 + np.exp(-log_odds(*(drawn[name] for name in FEATURES[:7]))))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (chance >= low) & (chance < low + 0.2)
        assert abs(drawn["LABEL"][chosen].mean() - chance[chosen].mean()) < 0.02
