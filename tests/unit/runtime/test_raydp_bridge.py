"""What RayDP's modules are told of a session, with a RayDP of a few lines."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime import raydp_bridge
from airflow_provider_raydp_spcs.runtime.raydp_bridge import RaydpBridge

CONTEXT = """
_global_spark_context = None
def stop_spark(cleanup_data=True):
    global _global_spark_context
    if _global_spark_context is not None:
        _global_spark_context.stop(cleanup_data)
        if cleanup_data:
            _global_spark_context = None
"""
DATASET = """
from raydp.spark.ray_cluster_master import RayDPSparkMaster
def _convert_by_udf(rows):
    assert RayDPSparkMaster.running, "the master is looked for"
    return rows
def get_raydp_master_owner():
    return len(RayDPSparkMaster.running)
def use(rows):
    return _convert_by_udf(rows)
def from_spark_recoverable(executors):
    return executors.index("first")
def spark_dataframe_to_ray_dataset(executors):
    return from_spark_recoverable(executors)
"""
MASTER = """
RAYDP_SPARK_MASTER_SUFFIX = "_SPARK_MASTER"
class Call:
    def __init__(self, call):
        self.remote = call
class RayDPSparkMaster:
    running = []
    @classmethod
    def options(cls, **options):
        made = cls()
        made.given, made.stop = options, Call(made.end)
        made.remote = made.start
        return made
    def start(self, configs):
        self.running.append(self)
        return self
    def end(self, cleanup_data):
        self.running.remove(self)
"""


@pytest.fixture
def raydp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "raydp"
    (package / "spark").mkdir(parents=True)
    (package / "__init__.py").write_text("from raydp.context import stop_spark\nimport raydp.spark\n")
    (package / "context.py").write_text(CONTEXT)
    (package / "spark" / "__init__.py").write_text("from .dataset import get_raydp_master_owner\n")
    (package / "spark" / "dataset.py").write_text(DATASET)
    (package / "spark" / "ray_cluster_master.py").write_text(MASTER)
    for name in [name for name in sys.modules if name.split(".")[0] == "raydp"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(raydp_bridge, "_current", [])
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "raydp"]:
        del sys.modules[name]


class Writer:
    """The Scala object; its setters have names that Python cannot write."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return lambda value: self.given.update({name: value})


class Session:
    def __init__(self) -> None:
        self.writer, self.ended = Writer(), 0
        agent = SimpleNamespace(getDriverAgentEndpointUrl=lambda: "spark://agent")
        spark = SimpleNamespace(
            sql=SimpleNamespace(raydp=SimpleNamespace(ObjectStoreWriter=self.writer)),
            deploy=SimpleNamespace(raydp=SimpleNamespace(RayDPDriverAgent=lambda: agent)),
        )
        jvm = SimpleNamespace(org=SimpleNamespace(apache=SimpleNamespace(spark=spark)))
        self.executors: list[str] = []
        status = SimpleNamespace(size=lambda: 1 + len(self.executors))
        context = SimpleNamespace(sc=lambda: SimpleNamespace(getExecutorMemoryStatus=lambda: status))
        self.sparkContext = SimpleNamespace(appName="app", _jvm=jvm, _jsc=context)

    def end(self) -> None:
        self.ended += 1


def bridge(session: Any, configs: dict[str, str] | None = None) -> RaydpBridge:
    return RaydpBridge(session, configs or {}, session.end)


@pytest.mark.usefixtures("raydp")
@pytest.mark.parametrize("early", [True, False])
def test_raydp_knows_the_session_whenever_it_is_imported(early: bool) -> None:
    if early:
        importlib.import_module("raydp")
    session = Session()
    bridge(session)
    assert early == ("raydp" in sys.modules), "nothing of it is imported for nothing"
    raydp = importlib.import_module("raydp")
    assert session.writer.given["driverAgentUrl_$eq"] == "spark://agent"
    raydp.stop_spark()
    assert session.ended == 1
    assert raydp.context._global_spark_context is None


@pytest.mark.usefixtures("raydp")
def test_the_end_of_the_session_is_known_to_raydp() -> None:
    session = Session()
    made = bridge(session)
    raydp = importlib.import_module("raydp")
    made.stop()
    assert raydp.context._global_spark_context is None
    raydp.stop_spark()
    assert session.ended == 1


@pytest.mark.usefixtures("raydp")
def test_the_master_runs_once_it_is_needed_and_ends_with_the_session() -> None:
    made = bridge(
        Session(),
        {
            "spark.ray.raydp_spark_master.actor.resource.CPU": "0",
            "spark.ray.raydp_spark_master.actor.resource.node:x": "0.001",
        },
    )
    dataset = importlib.import_module("raydp.spark.dataset")
    running = dataset.RayDPSparkMaster.running
    assert not running
    assert dataset.use([1]) == [1]
    assert sys.modules["raydp.spark"].get_raydp_master_owner() == 1
    (master,) = running
    assert master.given == {"name": "app_SPARK_MASTER", "num_cpus": 0, "memory": None, "resources": {"node:x": 0.001}}
    made.stop(cleanup_data=False)
    assert running, "who asks for it keeps what Ray holds of the session"
    made.stop()
    assert not running


@pytest.mark.usefixtures("raydp")
def test_what_gives_partitions_to_executors_waits_for_one() -> None:
    session = Session()
    made = bridge(session)
    dataset = importlib.import_module("raydp.spark.dataset")
    arrival = threading.Timer(0.2, session.executors.append, ["first"])
    arrival.start()
    assert dataset.spark_dataframe_to_ray_dataset(session.executors) == 0
    arrival.join()
    made.stop()
    with pytest.raises(ValueError, match="not in list"):
        dataset.spark_dataframe_to_ray_dataset([])


@pytest.mark.usefixtures("raydp")
def test_a_second_session_has_a_master_of_its_own() -> None:
    first = bridge(Session())
    dataset = importlib.import_module("raydp.spark.dataset")
    dataset.use([1])
    first.stop()
    bridge(Session())
    assert dataset.use([2]) == [2]
    assert len(dataset.RayDPSparkMaster.running) == 1


@pytest.mark.usefixtures("raydp")
def test_without_a_session_raydp_is_as_it_was() -> None:
    made = bridge(Session())
    made.stop()
    dataset = importlib.import_module("raydp.spark.dataset")
    with pytest.raises(AssertionError, match="the master is looked for"):
        dataset.use([1])
