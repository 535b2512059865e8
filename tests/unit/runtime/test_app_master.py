"""A session whose app master has died ends, instead of waiting for executors that nobody starts."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import ray.util

from airflow_provider_raydp_spcs.runtime.app_master import DIED, app_master_lives, app_master_watched


class Spark:
    """Ends as a session does."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sparkContext: Any = SimpleNamespace(_jsc=self)
        self.ended, self._failure = threading.Event(), failure

    def stop(self) -> None:
        self.ended.set()
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize("failure", [None, RuntimeError("no app master to take leave of")])
def test_it_ends_with_its_app_master(failure: Exception | None, capsys: pytest.CaptureFixture[str]) -> None:
    spark, lives = Spark(failure), [True, True, False]
    watched = app_master_watched(spark, 0.01, lambda: lives.pop(0))  # type: ignore[arg-type]
    with pytest.raises(KeyError) as met, watched:
        raise KeyError(spark.ended.wait(10))
    assert spark.ended.is_set()
    assert met.value.__notes__ == [DIED]
    assert "RayDP's app master has died" in capsys.readouterr().out
    assert not lives


def test_other_errors_are_left_as_they_are() -> None:
    with pytest.raises(KeyError) as met, app_master_watched(Spark(), 0.01, lambda: True):  # type: ignore[arg-type]
        raise KeyError("ours")
    assert not hasattr(met.value, "__notes__")


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


@pytest.mark.parametrize(("names", "lives"), [(["RAY_APP_MASTER", "other"], True), (["other"], False), (None, True)])
def test_only_where_ray_answers_that_it_is_not_there_it_is_dead(
    names: list[str] | None, lives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_named_actors() -> list[str]:
        if names is None:
            raise ConnectionError
        return names

    monkeypatch.setattr(ray.util, "list_named_actors", list_named_actors)
    assert app_master_lives() is lives
