"""The quick start of a session, with a JVM that only notes what it is asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime import quick_start
from airflow_provider_raydp_spcs.runtime.quick_start import QuickStart, hindrance
from airflow_provider_raydp_spcs.runtime.raydp_bridge import master_resources

JAVA = {"JAVA_HOME": "/java"}


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has had no Spark yet; this one may have had, in another test."""
    for name in ("pyspark.context", "raydp.context"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("configs", "environment", "part"),
    [
        ({}, {}, "JAVA_HOME is not set"),
        ({"spark.jars.packages": "a:b:1"}, JAVA, "of the setting spark.jars.packages"),
        ({"spark.driver.extraClassPath": "/x"}, JAVA, "of the setting spark.driver.extraClassPath"),
        ({"spark.authenticate": "true"}, JAVA, "of the setting spark.authenticate"),
        ({}, {**JAVA, "SPARK_HOME": "/spark"}, "SPARK_HOME is set"),
        ({}, {**JAVA, "PYSPARK_SUBMIT_ARGS": "--x pyspark-shell"}, "PYSPARK_SUBMIT_ARGS is set"),
    ],
)
def test_what_only_raydps_own_start_knows_is_left_to_it(
    configs: dict[str, str], environment: dict[str, str], part: str
) -> None:
    assert hindrance({}, JAVA) is None
    assert part in str(hindrance(configs, environment))


def test_other_releases_of_raydp_start_their_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _name: "2.0.1")
    assert hindrance({}, JAVA) == "RayDP is 2.0.1, and known are 1.6.x"


def test_a_jvm_or_a_session_that_is_there_already_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    context: Any = ModuleType("pyspark.context")
    context.SparkContext = SimpleNamespace(_gateway=object())
    monkeypatch.setitem(sys.modules, "pyspark.context", context)
    assert hindrance({}, JAVA) == "PySpark has started a JVM here already"
    context.SparkContext._gateway = None
    raydp: Any = ModuleType("raydp.context")
    raydp._global_spark_context = object()
    monkeypatch.setitem(sys.modules, "raydp.context", raydp)
    assert hindrance({}, JAVA) == "RayDP has a session here already"


class Jvm:
    """Notes what is asked of the driver's JVM."""

    made: Any = None

    def __init__(self, java: Path, options: list[str]) -> None:
        self.java, self.options, self.calls, self.process = java, options, [], object()
        self.ended = 0
        Jvm.made = self
        raydp = SimpleNamespace(
            RayAppMaster=SimpleNamespace(setProperties=self._note("properties")),
            RayAppMasterUtils=SimpleNamespace(
                createAppMaster=self._note("create", "handle"),
                getMasterUrl=self._note("url", "ray://RAY_APP_MASTER@10.0.0.1:1"),
                stopAppMaster=self._note("stop"),
            ),
        )
        ray = SimpleNamespace(init=self._note("init"), put=self._note("put", "hold"), shutdown=self._note("shutdown"))
        self._gateway = SimpleNamespace(proc=self.process, jvm=SimpleNamespace())
        self._gateway.jvm.org = SimpleNamespace(
            apache=SimpleNamespace(spark=SimpleNamespace(deploy=SimpleNamespace(raydp=raydp)))
        )
        self._gateway.jvm.io = SimpleNamespace(ray=SimpleNamespace(api=SimpleNamespace(Ray=ray)))

    def gateway(self) -> Any:
        return self._gateway

    def end(self) -> None:
        self.ended += 1

    def _note(self, name: str, answer: Any = None) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return answer

        return call

    def asked(self, name: str) -> tuple[Any, ...]:
        return next(arguments for called, arguments in self.calls if called == name)


class Conf(dict[str, str]):
    def __init__(self, _jvm: Any) -> None:
        super().__init__()

    def setAll(self, pairs: list[tuple[str, str]]) -> Conf:  # noqa: N802 - PySpark's name
        self.update(pairs)
        return self

    def setAppName(self, name: str) -> Conf:  # noqa: N802 - likewise
        self["spark.app.name"] = name
        return self


class Session:
    def __init__(self, context: Any) -> None:
        self.sparkContext, self.stopped = context, 0

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "release").write_text("17")
    archive = tmp_path / "x.jsa"
    archive.touch()
    monkeypatch.setattr(quick_start, "archive_path", lambda *_: archive)
    for name in ("SPARK_LOG4J_CONFIG_FILE_NAME", "RAY_LOG4J_CONFIG_FILE_NAME", "JDK_JAVA_OPTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("RAYDP_CLASS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(quick_start, "DriverJvm", Jvm)
    monkeypatch.setattr(quick_start, "ray_properties", lambda: {"ray.address": "10.0.0.1:6379"})
    monkeypatch.setattr(quick_start, "_own_address", lambda: {"spark.driver.host": "10.0.0.1"})
    monkeypatch.setattr("pyspark.SparkConf", Conf)
    monkeypatch.setattr("pyspark.SparkContext", lambda conf, gateway: SimpleNamespace(conf=conf, gateway=gateway))
    monkeypatch.setattr("pyspark.sql.SparkSession", Session)


@pytest.mark.usefixtures("parts")
def test_the_driver_asks_for_the_app_master_itself() -> None:
    start = QuickStart({"spark.driver.memory": "3g", "spark.driver.extraJavaOptions": "-Da='b c'"})
    jvm = Jvm.made
    assert {"-Xmx3g", "-Da=b c", "-XX:+UseSerialGC"} <= set(jvm.options)
    assert not jvm.calls
    settings = {
        "spark.ray.raydp_spark_master.actor.resource.CPU": "0",
        "spark.executor.instances": "2",
        "spark.executor.extraJavaOptions": "-Dx=y",
        "spark.hadoop.fs.secret": "hush",
    }
    session: Any = start.session("app", settings)
    order = [name for name, _ in jvm.calls]
    assert order == ["properties", "init", "create", "put", "url"]
    assert jvm.asked("put") == ("handle",), "within an object, where its handle is not miscounted"
    assert json.loads(jvm.asked("properties")[0]) == {"ray.address": "10.0.0.1:6379"}
    class_path, name, options, resources = jvm.asked("create")
    assert class_path == jvm.options[-1]
    assert name == "RAY_APP_MASTER"
    assert "-Dspark.executor.instances=2" in options
    assert "hush" not in " ".join([*options, *jvm.options]), "who lists processes sees a JVM's options"
    assert resources == {"spark.ray.raydp_spark_master.actor.resource.CPU": 0.0}
    conf = session.sparkContext.conf
    assert conf["spark.master"] == "ray://RAY_APP_MASTER@10.0.0.1:1"
    assert conf["spark.app.name"] == "app"
    assert conf["spark.hadoop.fs.secret"] == "hush"
    assert conf["spark.executor.extraJavaOptions"].endswith(" -Dx=y")
    assert "-XX:SharedArchiveFile=" in conf["spark.executor.extraJavaOptions"]


@pytest.mark.usefixtures("parts")
def test_everything_ends_once_and_in_order() -> None:
    start = QuickStart({})
    session: Any = start.session("app", {})
    start.end()
    start.end()
    assert session.stopped == 1
    assert [name for name, _ in Jvm.made.calls][-2:] == ["stop", "shutdown"]
    assert Jvm.made.ended


@pytest.mark.usefixtures("parts")
def test_the_jvm_ends_even_where_spark_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(Session, "stop", fails)
    start = QuickStart({})
    start.session("app", {})
    start.end()
    assert Jvm.made.ended


@pytest.mark.usefixtures("parts")
def test_a_session_that_never_came_about_ends_its_jvm() -> None:
    start = QuickStart({})
    start.end()
    assert Jvm.made.ended
    assert not Jvm.made.calls


@pytest.mark.usefixtures("parts")
def test_another_configuration_of_logging_reaches_every_jvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOG4J_CONFIG_FILE_NAME", "mine.properties")
    QuickStart({"spark.ray.log4j.config.file.name": "rays.xml"}).session("app", {})
    assert "-Dlog4j2.configurationFile=mine.properties" in Jvm.made.options
    assert "-Dlog4j2.configurationFile=rays.xml" in Jvm.made.asked("create")[2]


def test_the_newer_kind_of_resource_settings_wins() -> None:
    old, new = "spark.ray.raydp_spark_master.resource.", "spark.ray.raydp_spark_master.actor.resource."
    assert master_resources({f"{new}CPU": "2", f"{old}CPU": "1", f"{old}a": "0.5", "spark.x": "1"}) == {
        "CPU": 2.0,
        "a": 0.5,
    }
