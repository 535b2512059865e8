"""A session whose app master has died ends, instead of waiting for executors that nobody starts."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from airflow_provider_raydp_spcs.runtime.app_master import app_master_lives, app_master_watched


class Spark:
    """Ends as a session does."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sparkContext: Any = SimpleNamespace(_jsc="there")
        self.ended, self._failure = threading.Event(), failure

    def stop(self) -> None:
        self.ended.set()
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize("failure", [None, RuntimeError("no app master to take leave of")])
def test_it_ends_with_its_app_master(failure: Exception | None, capsys: pytest.CaptureFixture[str]) -> None:
    spark, lives = Spark(failure), [True, True, False]
    with app_master_watched(spark, 0.01, lambda: lives.pop(0)):  # type: ignore[arg-type]
        assert spark.ended.wait(10)
    assert "RayDP's app master has died" in capsys.readouterr().out
    assert not lives


def test_one_that_the_job_has_stopped_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    spark, looked = Spark(), threading.Event()

    def lives() -> bool:
        spark.sparkContext._jsc = None
        looked.set()
        return True

    with app_master_watched(spark, 0.01, lives):  # type: ignore[arg-type]
        assert looked.wait(10)
    assert not spark.ended.is_set()
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("failure", "lives"), [(None, True), (ValueError("Failed to look up actor"), False), (ConnectionError(), True)]
)
def test_only_an_actor_that_ray_does_not_know_is_dead(
    failure: Exception | None, lives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_actor(name: str) -> object:
        assert name == "RAY_APP_MASTER"
        if failure is not None:
            raise failure
        return object()

    monkeypatch.setattr(ray, "get_actor", get_actor)
    assert app_master_lives() is lives
