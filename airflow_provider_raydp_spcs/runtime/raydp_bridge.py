"""What RayDP's own Python half must find of a session that it has not started itself.

``import raydp`` takes seconds, and many a job never needs it. So nothing of it is imported here: where the job imports it,
before the session or later, its modules are told of the session then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.runtime.executors import await_executor

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_RAYDP: Final = "raydp"
_MASTER_RESOURCES: Final = ("spark.ray.raydp_spark_master.resource.", "spark.ray.raydp_spark_master.actor.resource.")
_NEED_MASTER: Final = ("_convert_by_udf", "get_raydp_master_owner")
"""Functions of ``raydp.spark`` after which RayDP's master actor is looked for by its name."""
_NEED_EXECUTOR: Final = ("from_spark_recoverable",)
"""Functions of ``raydp.spark`` that give each partition to one of the executors that are there."""


class RaydpBridge:
    """A session, as RayDP's modules want to see it.

    :param configs: its Spark settings.
    :param end: ends it; called more than once.
    """

    def __init__(self, spark: SparkSession, configs: Mapping[str, str], end: Callable[[], None]) -> None:
        self._spark, self._configs, self._end = spark, dict(configs), end
        self._master: Any = None
        _current.append(self)
        if _RAYDP in sys.modules:
            _tell(self)
        elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Watch())

    def stop(self, cleanup_data: bool = True) -> None:
        """End the session: ``raydp.stop_spark`` calls this.

        :param cleanup_data: also end the actor that keeps what Spark reads from Ray.
        """
        context: Any = sys.modules.get(f"{_RAYDP}.context")
        if cleanup_data and self in _current:
            _current.remove(self)
            if context is not None and context._global_spark_context is self:
                context._global_spark_context = None
        self._end()
        if cleanup_data and self._master is not None:
            self._master.stop.remote(cleanup_data)
            self._master = None

    def master(self) -> Any:
        """RayDP's master actor, which keeps references to the objects that Spark reads.

        Started at first use, for its process costs seconds, and without the JVM that it has in RayDP's own way.
        """
        if self._master is None:
            from raydp.spark.ray_cluster_master import RAYDP_SPARK_MASTER_SUFFIX, RayDPSparkMaster

            name = f"{self._spark.sparkContext.appName}{RAYDP_SPARK_MASTER_SUFFIX}"
            resources = master_resources(self._configs)
            cpus, memory = resources.pop("CPU", 1), resources.pop("memory", None)
            actor = RayDPSparkMaster.options(name=name, num_cpus=cpus, memory=memory, resources=resources)
            self._master = actor.remote(self._configs)
        return self._master

    def await_executor(self) -> None:
        """The session's first executor is there when this returns; RayDP's own sessions never lack it."""
        await_executor(self._spark)

    def make_driver_agent(self) -> None:
        """What executors ask to cache a partition again that was lost on its way to Ray."""
        jvm: Any = self._spark.sparkContext._jvm
        writer = jvm.org.apache.spark.sql.raydp.ObjectStoreWriter
        agent = jvm.org.apache.spark.deploy.raydp.RayDPDriverAgent()
        getattr(writer, "driverAgent_$eq")(agent)
        getattr(writer, "driverAgentUrl_$eq")(agent.getDriverAgentEndpointUrl())


def master_resources(settings: Mapping[str, str]) -> dict[str, float]:
    """What RayDP's master, and its app master, take from Ray: of RayDP's two kinds of settings the newer one wins."""
    return {
        name.removeprefix(prefix): float(value)
        for prefix in _MASTER_RESOURCES
        for name, value in settings.items()
        if name.startswith(prefix)
    }


_current: Final[list[RaydpBridge]] = []
"""The session of this process, if there is one."""


def bridge_here() -> RaydpBridge | None:
    """That of this process' session; None where RayDP has started it itself, or nobody."""
    return _current[-1] if _current else None


class _Watch(MetaPathFinder):
    """Notices when RayDP is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _RAYDP:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if found is not None and found.loader is not None:
            run = found.loader.exec_module

            def run_and_tell(module: ModuleType) -> None:
                run(module)
                for bridge in _current:
                    _tell(bridge)

            found.loader.exec_module = run_and_tell  # type: ignore[method-assign]
        return found


def _tell(bridge: RaydpBridge) -> None:
    """Tell RayDP's modules, which are whole by now, of a session."""
    sys.modules[f"{_RAYDP}.context"]._global_spark_context = bridge  # type: ignore[attr-defined]
    for module in (sys.modules[f"{_RAYDP}.spark.dataset"], sys.modules[f"{_RAYDP}.spark"]):
        for names, prepare in ((_NEED_MASTER, RaydpBridge.master), (_NEED_EXECUTOR, RaydpBridge.await_executor)):
            for name in names:
                given = getattr(module, name, None)
                if given is not None and not hasattr(given, "__wrapped__"):
                    setattr(module, name, _after(prepare, given))
    bridge.make_driver_agent()


def _after(prepare: Callable[[RaydpBridge], Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called when the session has what it needs."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for bridge in _current:
            prepare(bridge)
        return function(*args, **kwargs)

    return call
