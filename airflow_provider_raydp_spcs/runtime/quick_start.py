"""A RayDP application without the detours of ``raydp.init_spark``: the same parts, in fewer and faster steps.

``init_spark`` starts an actor that starts a JVM, whose only task is to ask Ray for RayDP's app master; then it starts the
JVM of the driver. Here that one asks for the app master itself. Executors, their restart, and the exchange of data with Ray
are RayDP's own, unchanged; what Python's half of RayDP needs of a session is in ``raydp_bridge.py``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.runtime.driver_jvm import DriverJvm
from airflow_provider_raydp_spcs.runtime.errors import RuntimeRoomError
from airflow_provider_raydp_spcs.runtime.jars import class_path, find_agent, find_jars
from airflow_provider_raydp_spcs.runtime.jvms import Jvm, archive_path, quick_options
from airflow_provider_raydp_spcs.runtime.raydp_bridge import master_resources

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RAYDP_RELEASES: Final = ("1.6.",)
"""Beginnings of RayDP's versions whose inner parts are known."""
APP_MASTER: Final = "RAY_APP_MASTER"
"""Name under which RayDP looks for the app master when data is handed to Ray."""
_AGENT: Final = "spark.javaagent"
_DRIVER_OPTIONS: Final = "spark.driver.extraJavaOptions"
_APP_MASTER_OPTIONS: Final = "spark.ray.raydp_app_master.extraJavaOptions"
_EXECUTOR_OPTIONS: Final = "spark.executor.extraJavaOptions"
_APP_MASTER_RESOURCE: Final = "spark.ray.raydp_spark_master.actor.resource"
_LOGGING: Final[Mapping[str, str]] = {
    "spark.ray.log4j.factory.class": "log4j2",
    "spark.ray.log4j.config.file.name": "log4j2.xml",
    "spark.log4j.config.file.name": "log4j2-default.properties",
}
"""What RayDP sets for Spark 3.5, unless the environment or the user says otherwise."""
# Only what the app master reads: whoever lists processes sees a JVM's options.
_APP_MASTER_READS: Final = (
    "spark.ray.",
    "spark.executor.instances",
    "spark.dynamicAllocation.",
    "spark.shuffle.service.",
    "spark.rpc.",
    "spark.network.",
    "spark.port.maxRetries",
)
# What spark-submit or RayDP's own start must see.
_NEEDS_STOCK: Final = (
    "spark.jars.packages",
    "spark.jars.excludes",
    "spark.jars.repositories",
    "spark.jars.ivy",
    "spark.submit.",
    "spark.archives",
    "spark.driver.extraClassPath",
    "spark.driver.extraLibraryPath",
    "spark.driver.defaultJavaOptions",
    "spark.preferClassPath",
    "spark.ray.preferClassPath",
    "spark.authenticate",
    "raydp.executor.extraClassPath",
    _AGENT,
)
_NEEDS_STOCK_VARIABLES: Final = (
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "PYSPARK_SUBMIT_ARGS",
    "PYSPARK_GATEWAY_PORT",
    "JAVA_OPTS",
)


def hindrance(configs: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> str | None:
    """Why a session must be started RayDP's own way; None where nothing speaks against the quick one.

    :param configs: Spark settings that the user gave.
    """
    try:
        version = importlib.metadata.version("raydp")
    except importlib.metadata.PackageNotFoundError:
        return "RayDP is not installed as a package"
    if not version.startswith(RAYDP_RELEASES):
        return f"RayDP is {version}, and known are {', '.join(f'{known}x' for known in RAYDP_RELEASES)}"
    for name in configs:
        if name.startswith(_NEEDS_STOCK):
            return f"of the setting {name}"
    for variable in _NEEDS_STOCK_VARIABLES:
        if environment.get(variable):
            return f"{variable} is set"
    if not environment.get("JAVA_HOME"):
        return "JAVA_HOME is not set"
    pyspark = sys.modules.get("pyspark.context")
    if pyspark is not None and pyspark.SparkContext._gateway is not None:
        return "PySpark has started a JVM here already"
    raydp = sys.modules.get("raydp.context")
    if raydp is not None and raydp._global_spark_context is not None:
        return "RayDP has a session here already"
    return None


class QuickStart:
    """A session on its way: the driver's JVM starts at once, the rest follows when the cluster is known.

    :param configs: Spark settings that the user gave.
    :raises JarsNotFoundError: RayDP, Spark or Ray is not whole.
    """

    def __init__(self, configs: Mapping[str, str]) -> None:
        java_home = Path(os.environ["JAVA_HOME"])
        jars = find_jars()
        self._jars, self._agent = class_path(jars), str(find_agent())
        self._archive = archive_path(java_home, jars)
        self._logging = {
            **_LOGGING,
            **{
                f"spark.{kind}log4j.config.file.name": os.environ[variable]
                for kind, variable in (("", "SPARK_LOG4J_CONFIG_FILE_NAME"), ("ray.", "RAY_LOG4J_CONFIG_FILE_NAME"))
                if os.environ.get(variable)
            },
            **{name: configs[name] for name in _LOGGING if name in configs},
        }
        self._jvm = DriverJvm(java_home / "bin" / "java", self._driver_options(configs))
        self._handle: Any = None
        self._hold: Any = None
        self._spark: SparkSession | None = None

    @property
    def has_archive(self) -> bool:
        """Whether this node has the class data that lets JVMs start in a third of the time."""
        return self._archive.is_file()

    def session(self, app_name: str, configs: Mapping[str, str]) -> SparkSession:
        """The session, once its app master runs; Ray has to be connected. Executors come later.

        :param configs: all Spark settings.
        """
        from pyspark import SparkConf, SparkContext
        from pyspark.sql import SparkSession

        gateway = self._jvm.gateway()
        raydp = gateway.jvm.org.apache.spark.deploy.raydp
        raydp.RayAppMaster.setProperties(json.dumps(ray_properties()))
        gateway.jvm.io.ray.api.Ray.init()
        settings = {
            **_own_address(),
            **configs,
            **self._logging,
            _AGENT: self._agent,
            **self._executor_settings(configs),
        }
        # RayDP cuts the prefix off again.
        resources = {f"{_APP_MASTER_RESOURCE}.{name}": amount for name, amount in master_resources(configs).items()}
        self._handle = raydp.RayAppMasterUtils.createAppMaster(
            self._jars, APP_MASTER, self._app_master_options(settings), resources
        )
        # This JVM owns the app master. RayDP looks for it by its name whenever Spark and Ray exchange data, and Ray's Java
        # half counts one handle less for each that is collected, but none more for one that it had found before: at zero
        # the app master would end. A handle within an object that lives is not counted so.
        self._hold = gateway.jvm.io.ray.api.Ray.put(self._handle)
        settings["spark.master"] = raydp.RayAppMasterUtils.getMasterUrl(self._handle)
        # As RayDP does when it has connected the driver to Ray, whose logging is more talkative.
        settings.setdefault("spark.log.level", "WARN")
        conf = SparkConf(_jvm=gateway.jvm).setAll(list(settings.items())).setAppName(app_name)
        self._spark = SparkSession(SparkContext(conf=conf, gateway=gateway))
        return self._spark

    def end(self) -> None:
        """End the session, its app master and the JVM. Does nothing where it has ended."""
        spark, self._spark = self._spark, None
        handle, self._handle = self._handle, None
        self._hold = None
        try:
            if spark is not None:
                with contextlib.suppress(Exception):  # the JVM may be gone; then there is nothing left to stop
                    spark.stop()
            if handle is not None:
                self._leave_ray(handle)
        finally:
            self._jvm.end()
            _forget_jvm(self._jvm)

    def _leave_ray(self, handle: Any) -> None:
        with contextlib.suppress(Exception):  # the app master may have died with its node
            jvm = self._jvm.gateway().jvm
            try:
                jvm.org.apache.spark.deploy.raydp.RayAppMasterUtils.stopAppMaster(handle)
            finally:
                jvm.io.ray.api.Ray.shutdown()

    def _driver_options(self, configs: Mapping[str, str]) -> list[str]:
        given = shlex.split(configs.get(_DRIVER_OPTIONS, ""))
        return [
            *quick_options(Jvm.DRIVER, self._archive, given),
            f"-Xmx{configs.get('spark.driver.memory', '1g')}",
            *self._agent_options("spark.log4j.config.file.name"),
            *given,
            "-cp",
            self._jars,
        ]

    def _app_master_options(self, settings: Mapping[str, str]) -> list[str]:
        given = shlex.split(settings.get(_APP_MASTER_OPTIONS, ""))
        return [
            *quick_options(Jvm.APP_MASTER, self._archive, given),
            *self._agent_options("spark.ray.log4j.config.file.name"),
            "-Dray.logging.file-prefix=raydp-java-worker",
            *(
                f"-D{name}={value}"
                for name, value in settings.items()
                if name.startswith(_APP_MASTER_READS) and name != _APP_MASTER_OPTIONS
            ),
            *given,
        ]

    def _executor_settings(self, configs: Mapping[str, str]) -> dict[str, str]:
        given = configs.get(_EXECUTOR_OPTIONS, "")
        quick = quick_options(Jvm.EXECUTOR, self._archive, shlex.split(given))
        return {_EXECUTOR_OPTIONS: f"{shlex.join(quick)} {given}".strip()}

    def _agent_options(self, log_file: str) -> list[str]:
        return [
            f"-javaagent:{self._agent}",
            f"-Dspark.ray.log4j.factory.class={self._logging['spark.ray.log4j.factory.class']}",
            f"-Dlog4j2.configurationFile={self._logging[log_file]}",
        ]


def ray_properties() -> dict[str, str]:
    """What a JVM must know to join Ray on this node, as RayDP's master tells it.

    :raises RuntimeRoomError: this process is a client of Ray, or not connected at all.
    """
    import ray

    node = ray._private.worker._global_node
    if node is None:
        msg = "this process is not a driver on a node of the cluster, so no JVM can join Ray beside it"
        raise RuntimeRoomError(msg)
    return {
        "ray.run-mode": "CLUSTER",
        "ray.node-ip": node.node_ip_address,
        "ray.address": node.address,
        "ray.logging.dir": node.get_logs_dir_path(),
        "ray.session-dir": node.get_session_dir_path(),
        "ray.raylet.node-manager-port": str(node.node_manager_port),
        "ray.raylet.socket-name": node.raylet_socket_name,
        "ray.raylet.config.num_workers_per_process_java": "1",
        "ray.object-store.socket-name": node.plasma_store_socket_name,
        "ray.logging.level": "INFO",
        "ray.job.namespace": ray.get_runtime_context().namespace,
    }


def _own_address() -> dict[str, str]:
    """Where executors reach the driver."""
    import ray

    address = str(ray.util.get_node_ip_address())
    return {"spark.driver.host": address, "spark.driver.bindAddress": address}


def _forget_jvm(ended: DriverJvm) -> None:
    """Let PySpark start another JVM the next time."""
    pyspark = sys.modules.get("pyspark.context")
    if pyspark is None:
        return
    context = pyspark.SparkContext
    if context._gateway is not None and context._gateway.proc is ended.process:
        context._gateway = context._jvm = None
        context._active_spark_context = None
