"""The parts of a warm session that talk to Spark, with a stand-in for Spark."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.errors import AnalysisException

from airflow_provider_raydp_spcs.runtime.errors import SparkStartError, WarmSessionError
from airflow_provider_raydp_spcs.runtime.warm import attaching, sharing
from airflow_provider_raydp_spcs.runtime.warm.attaching import _error, _OwnStages, _session, _set
from airflow_provider_raydp_spcs.runtime.warm.sharing import Door, SharedSpark

MIB = 2**20


class FakeSpark:
    """A session, and of its JVM what is asked for health and order."""

    def __init__(self) -> None:
        self.stopped, self.executors, self.answer, self.hangs = False, 2, 1, threading.Event()
        self.hangs.set()
        self.used, self.after, self.collected = 10, 10, 0
        self.let_go: list[str] = []
        self.sparkContext = SimpleNamespace(_jsc=self, _jvm=SimpleNamespace(java=SimpleNamespace(lang=self)))
        self.catalog = SimpleNamespace(clearCache=lambda: self.let_go.append("cache"))
        views = SimpleNamespace(clear=lambda: self.let_go.append("views"))
        shared = SimpleNamespace(globalTempViewManager=lambda: views)
        self._jsparkSession = SimpleNamespace(sharedState=lambda: shared)
        runtime = SimpleNamespace(
            totalMemory=lambda: self.used * MIB, freeMemory=lambda: 0, maxMemory=lambda: 100 * MIB
        )
        self.Runtime = SimpleNamespace(getRuntime=lambda: runtime)
        self.System = SimpleNamespace(gc=self._collect)

    def _collect(self) -> None:
        self.collected += 1
        self.used = self.after

    def sc(self) -> FakeSpark:
        return self

    def isStopped(self) -> bool:  # noqa: N802 - Spark's name
        self.hangs.wait()
        return self.stopped

    def getExecutorMemoryStatus(self) -> Any:  # noqa: N802 - Spark's name
        return SimpleNamespace(size=lambda: self.executors)

    def getPersistentRDDs(self) -> dict[int, Any]:  # noqa: N802 - Spark's name
        return {3: SimpleNamespace(unpersist=lambda blocking: self.let_go.append(f"rdd {blocking}"))}

    def range(self, count: int) -> Any:
        assert count == 1
        return SimpleNamespace(count=lambda: self.answer)


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> FakeSpark:
    monkeypatch.setattr(sharing, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(sharing, "EXECUTOR_SECONDS", 1.0)
    return FakeSpark()


def shared(spark: FakeSpark) -> SharedSpark:
    return SharedSpark(spark, "namespace")


def test_a_well_session_is_asked_for_a_row_only_when_in_doubt(spark: FakeSpark) -> None:
    assert shared(spark).fault(in_doubt=False) is None
    spark.answer = 2
    assert shared(spark).fault(in_doubt=False) is None
    assert shared(spark).fault(in_doubt=True) == "it answers wrongly"


def test_what_is_wrong_is_told(spark: FakeSpark) -> None:
    spark.executors = 1
    assert shared(spark).fault(in_doubt=False) == "it has no executor"
    spark.stopped = True
    assert shared(spark).fault(in_doubt=False) == "its Spark context was stopped"
    spark.hangs.clear()
    assert shared(spark).fault(in_doubt=False) == "its JVM did not answer within 0.3 s"
    spark.hangs.set()
    del spark.sparkContext._jsc
    assert shared(spark).fault(in_doubt=False) == "its JVM does not answer: AttributeError"


def test_executors_that_come_back_in_time_are_waited_for(spark: FakeSpark) -> None:
    spark.executors = 1
    threading.Timer(0.3, lambda: setattr(spark, "executors", 2)).start()
    assert shared(spark).fault(in_doubt=False) is None


def test_what_jobs_left_behind_is_let_go(spark: FakeSpark) -> None:
    assert shared(spark).tidy() is None
    assert spark.let_go == ["cache", "rdd False", "views"]
    assert spark.collected == 0


def test_a_heap_that_stays_full_is_a_reason_for_another_session(spark: FakeSpark) -> None:
    spark.used = spark.after = 90
    assert shared(spark).tidy() == "90 of 100 MiB of its driver's memory are in use, though no job is"
    spark.used, spark.after = 90, 20
    assert shared(spark).tidy() is None


def test_what_a_job_leaves_is_ended_also_where_one_of_its_streams_does_not_end() -> None:
    told: list[str] = []

    def hang() -> None:
        msg = "the stream does not stop"
        raise RuntimeError(msg)

    streams = [SimpleNamespace(stop=hang), SimpleNamespace(stop=lambda: told.append("stop"))]
    session = SimpleNamespace(streams=lambda: SimpleNamespace(active=lambda: streams))
    server = SimpleNamespace(
        start=lambda: None,
        getListeningPort=lambda: 1,
        secret=lambda: "secret",
        shutdown=lambda: told.append("shutdown"),
    )
    jvm: Any = SimpleNamespace(
        SparkSession=SimpleNamespace(
            setActiveSession=lambda given: None, setDefaultSession=lambda given: told.append(f"default {given.name}")
        )
    )
    jvm.org = SimpleNamespace(
        apache=SimpleNamespace(
            spark=SimpleNamespace(
                api=SimpleNamespace(python=SimpleNamespace(Py4JServer=lambda configs: server)),
            )
        )
    )
    sc = SimpleNamespace(
        addJobTag=lambda tag: None,
        setLocalProperty=lambda name, value: None,
        conf=lambda: None,
        version=lambda: "3.5.7",
        appName=lambda: "name",
        getExecutorMemoryStatus=lambda: SimpleNamespace(size=lambda: 3),
        cancelJobsWithTag=lambda tag: told.append(f"cancel {tag}"),
    )
    own = SimpleNamespace(name="keeper's", newSession=lambda: session)
    spark: Any = SimpleNamespace(
        sparkContext=SimpleNamespace(_jsc=SimpleNamespace(sc=lambda: sc), _jvm=jvm), _jsparkSession=own
    )
    with (
        pytest.raises(RuntimeError, match="the stream does not stop"),
        SharedSpark(spark, "namespace").door("a") as door,
    ):
        assert door.tag == "raydp-job-a"
    assert told == ["stop", "cancel raydp-job-a", "shutdown", "default keeper's"]


def test_only_the_jobs_own_stages_are_shown() -> None:
    jobs = {1: SimpleNamespace(stageIds=[1, 2]), 2: SimpleNamespace(stageIds=[5]), 3: None}
    tracker = SimpleNamespace(
        getActiveStageIds=lambda: [2, 5, 9], getJobInfo=jobs.get, getStageInfo=lambda stage: f"stage {stage}"
    )
    own = _OwnStages(tracker, lambda: [1, 3])
    assert own.getActiveStageIds() == [2]
    assert own.getStageInfo(2) == "stage 2"


def test_errors_of_the_keeper_are_the_jobs() -> None:
    assert isinstance(_error({"kind": "SparkStartError", "error": "why"}), SparkStartError)
    for kind in ("Py4JJavaError", "annotations", "InputError2"):
        found = _error({"kind": kind, "error": "why"})
        assert isinstance(found, WarmSessionError)
        assert str(found) == f"the warm session does not start: {kind}: why"


def test_a_setting_that_spark_has_once_is_named() -> None:
    def refuse(name: str, value: str) -> None:
        if name == "spark.sql.fixed":
            raise AnalysisException("Cannot modify the value of a static config")

    spark: Any = SimpleNamespace(conf=SimpleNamespace(set=refuse))
    _set(spark, {"spark.sql.free": "1"})
    with pytest.raises(WarmSessionError, match=r"spark\.sql\.fixed cannot be '1' for one job"):
        _set(spark, {"spark.sql.fixed": "1"})


def test_another_version_of_spark_is_refused() -> None:
    with pytest.raises(WarmSessionError, match=r"the warm session Spark 2\.4\.8; they must be the same"):
        _session(Door(1, "secret", "tag", "namespace", "2.4.8", "about"))


def test_asking_the_keeper_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    answers = iter([{"say": "starting"}, {"gone": "why"}])
    line: Any = SimpleNamespace(send=lambda **message: None, receive=lambda: next(answers), patience=lambda left: None)
    assert attaching._ask(line, "job", said.append, time.monotonic() + 5) == {"gone": "why"}
    assert said == ["Spark session: starting"]
    assert attaching._ask(line, "job", said.append, time.monotonic() - 1) is None
