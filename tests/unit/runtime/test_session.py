"""A Spark session's way: the quick start where it can be, RayDP's own where not, and an end in any case."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime import session
from airflow_provider_raydp_spcs.runtime.errors import JarsNotFoundError, SparkSizeError
from airflow_provider_raydp_spcs.runtime.sizing import MIB, Wish

NODE = {
    "Alive": True,
    "NodeManagerAddress": "10.0.0.1",
    "Resources": {"CPU": 3.0, "memory": 8000.0 * MIB, "worker": 1.0},
}


class Start:
    """A quick start that notes what it is asked for."""

    has_archive = True
    failure: Exception | None = None

    def __init__(self, configs: Any) -> None:
        self.ended, self.settings = 0, {}
        world.start = self

    def session(self, app_name: str, settings: dict[str, str]) -> Any:
        if self.failure is not None:
            raise self.failure
        self.settings = {"app": app_name, **settings}
        return "quick"

    def end(self) -> None:
        self.ended += 1


world: Any = SimpleNamespace(start=None, stock=[])


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    world.start, world.stock = None, []
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    monkeypatch.setattr("ray.nodes", lambda: [NODE])
    monkeypatch.setattr("ray.get_runtime_context", lambda: SimpleNamespace(get_job_id=lambda: "7"))
    monkeypatch.setattr(Start, "failure", None)
    monkeypatch.setattr(session, "hindrance", lambda _configs: None)
    monkeypatch.setattr(session, "QuickStart", Start)
    monkeypatch.setattr(session, "RaydpBridge", lambda _spark, _settings, end: SimpleNamespace(stop=end))
    monkeypatch.setattr(session, "executors_awaited", lambda *_: nullcontext())
    monkeypatch.setattr(session, "metrics_shown", lambda _spark: nullcontext())
    monkeypatch.setattr(session, "stages_shown", lambda _spark: nullcontext())
    monkeypatch.setattr(session, "app_master_watched", lambda _spark: nullcontext())

    def stock(app_name: str, settings: dict[str, str], size: Any) -> Any:
        world.stock.append((app_name, settings, size))
        return "stock", lambda: world.stock.append("stopped")

    monkeypatch.setattr(session, "by_raydp", stock)


def test_the_quick_start_is_taken_and_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with session.spark_session(configs={"spark.sql.shuffle.partitions": "3"}) as spark:
        assert spark == "quick"  # type: ignore[comparison-overlap]
        assert not world.start.ended
    assert world.start.ended == 1
    assert world.start.settings["app"] == "raydp-7"
    assert world.start.settings["spark.executor.instances"] == "1"
    assert "1 executors with 2 cores and 4800 MiB each, 3 shuffle partitions" in capsys.readouterr().out


def test_a_node_without_class_data_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Start, "has_archive", False)
    with session.spark_session():
        pass
    assert "no archive of class data" in capsys.readouterr().out


def test_a_quick_start_that_fails_is_followed_by_raydps_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Start, "failure", ConnectionError("gone"))
    with session.spark_session("mine") as spark:
        assert spark == "stock"  # type: ignore[comparison-overlap]
        assert world.start.ended
    assert world.stock[0][0] == "mine"
    assert world.stock[-1] == "stopped"
    assert "RayDP's own way, which takes longer: the quick one failed with ConnectionError: gone" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("early", [True, False])
def test_what_stands_in_the_way_is_told(
    early: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_jars(_configs: Any) -> None:
        msg = "no jars"
        raise JarsNotFoundError(msg)

    monkeypatch.setattr(session, "hindrance", lambda _configs: "no jars" if early else None)
    monkeypatch.setattr(session, "QuickStart", no_jars)
    with session.spark_session() as spark:
        assert spark == "stock"  # type: ignore[comparison-overlap]
    assert "RayDP's own way, which takes longer: no jars" in capsys.readouterr().out


def test_a_size_that_cannot_be_ends_what_has_begun() -> None:
    with (
        pytest.raises(SparkSizeError, match="1 executors per node with 9 cores need 9 CPUs"),
        session.spark_session(configs={"spark.executor.cores": "9"}),
    ):
        pass
    assert world.start.ended == 1
    assert not world.stock


def test_a_worker_that_has_not_joined_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: list[list[dict[str, Any]]] = [[], [{**NODE, "Alive": False}], [NODE]]
    monkeypatch.setattr("ray.nodes", lambda: looks.pop(0))
    monkeypatch.setattr(session, "LOOK_SECONDS", 0)
    with session.spark_session() as spark:
        assert spark == "quick"  # type: ignore[comparison-overlap]
    assert capsys.readouterr().out.count("no worker node has joined yet") == 1


def test_where_none_joins_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.nodes", list)
    with (
        pytest.raises(SparkSizeError, match="no living node has the Ray resource 'worker'"),
        session.spark_session(start_timeout=0),
    ):
        pass
    assert world.start.ended == 1


def test_an_error_in_the_block_ends_the_session() -> None:
    with pytest.raises(KeyError), session.spark_session():
        raise KeyError
    assert world.start.ended == 1


def test_sparks_own_settings_count_as_a_wish() -> None:
    settings = {"spark.executor.instances": "3", "spark.executor.cores": "2", "spark.executor.memory": "2g"}
    assert Wish().or_settings(settings) == Wish(3, 2, 2048)
    assert Wish(executors=1, memory_mib=600).or_settings(settings) == Wish(1, 2, 600)
    for text, mib in (("600", 600), ("600m", 600), ("2048kb", 2), ("1T", 1024**2)):
        assert Wish().or_settings({"spark.executor.memory": text}).memory_mib == mib


def test_what_is_asked_for_both_ways_is_asked_of_spark_as_it_was_counted() -> None:
    with session.spark_session(executors=1, configs={"spark.executor.instances": "7", "spark.executor.cores": "1"}):
        pass
    settings = world.start.settings
    assert (settings["spark.executor.instances"], settings["spark.executor.cores"]) == ("1", "1")


@pytest.mark.parametrize("name", ["executors", "executor_cores", "executor_memory_mib"])
def test_none_of_something_is_refused_and_not_taken_for_no_wish(name: str) -> None:
    with (
        pytest.raises(SparkSizeError, match="is 0; allowed are whole numbers from 1"),
        session.spark_session(**{name: 0}),
    ):
        pass


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"spark.executor.memory": "much"}, "spark.executor.memory is 'much'; write it as 600m or 4g"),
        ({"spark.executor.cores": "1.5"}, r"spark.executor.cores is '1\.5'; allowed are whole numbers"),
    ],
)
def test_settings_that_are_no_size_are_named(settings: dict[str, str], part: str) -> None:
    with pytest.raises(SparkSizeError, match=part):
        Wish().or_settings(settings)
