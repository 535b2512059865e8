"""One Spark application as several jobs use it: a door into its JVM for each, and what is to be seen to between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ANSWER_SECONDS: Final = 20.0
"""In which the JVM says how it is."""
EXECUTOR_SECONDS: Final = 60.0
"""How long a session without executors is given to get one; RayDP starts dead ones anew."""
QUERY_SECONDS: Final = 120.0
"""In which a query over one row has to end where the session is in doubt."""
FULL_SHARE: Final = 0.8
"""Of the driver's heap that may still be in use when no job is there."""
_LOOK_SECONDS: Final = 0.2
T = TypeVar("T")


@dataclass(frozen=True)
class Door:
    """A job's way into the JVM.

    :param port: of a Py4J server on this node, for this job only.
    :param secret: what opens it.
    :param tag: of the job's Spark jobs.
    :param namespace: Ray's, in which RayDP's actors have their names.
    :param spark: version of Spark.
    :param about: of the session, for the job's log.
    """

    port: int
    secret: str
    tag: str
    namespace: str
    spark: str
    about: str

    def to_json(self) -> dict[str, Any]:
        """For a message."""
        return asdict(self)


class SharedSpark:
    """A running Spark application.

    :param spark: the session of the process that started it; jobs get others.
    :param namespace: Ray's namespace of that process.
    """

    def __init__(self, spark: SparkSession, namespace: str) -> None:
        self._spark, self._namespace = spark, namespace
        self._making_master = threading.Lock()

    @property
    def _context(self) -> Any:
        return self._spark.sparkContext._jsc.sc()

    @property
    def _jvm(self) -> Any:
        return self._spark.sparkContext._jvm

    @contextmanager
    def door(self, job: str) -> Iterator[Door]:
        """A door for a job, for the time of the block.

        Spark keeps a job's tag, its pool and its active session with a thread, and a thread inherits them from the one that
        started it. So what is set in this thread holds in all threads of a server that it starts, and in no others.
        """
        sc, jvm = self._context, self._jvm
        tag = f"raydp-job-{job}"
        session = self._spark._jsparkSession.newSession()
        sc.addJobTag(tag)
        # Each job has a pool of its own, between which Spark is fair (spark.scheduler.mode).
        sc.setLocalProperty("spark.scheduler.pool", tag)
        sc.setLocalProperty("spark.job.interruptOnCancel", "true")
        jvm.SparkSession.setActiveSession(session)
        server = jvm.org.apache.spark.api.python.Py4JServer(sc.conf())
        server.start()
        try:
            yield Door(
                int(server.getListeningPort()),
                str(server.secret()),
                tag,
                self._namespace,
                str(sc.version()),
                f"application {sc.appName()}, {sc.getExecutorMemoryStatus().size() - 1} executors",
            )
        finally:
            # The last first, each whatever becomes of the others. With the server goes every object that the job's Python
            # referred to.
            with ExitStack() as ending:
                ending.callback(jvm.SparkSession.setDefaultSession, self._spark._jsparkSession)
                ending.callback(server.shutdown)
                ending.callback(sc.cancelJobsWithTag, tag)
                for query in session.streams().active():
                    ending.callback(query.stop)

    def make_master(self) -> None:
        """See that RayDP's master actor is there, which keeps references to objects that Spark reads, for every job."""
        from airflow_provider_raydp_spcs.runtime.raydp_bridge import bridge_here

        bridge = bridge_here()  # RayDP's own start has made one
        if bridge is not None:
            with self._making_master:
                bridge.master()

    def fault(self, *, in_doubt: bool) -> str | None:
        """Why nobody can use it any more; None where it is well.

        :param in_doubt: whether to try it with a query.
        """
        try:
            if _within(ANSWER_SECONDS, lambda: bool(self._context.isStopped())):
                return "its Spark context was stopped"
            if not _within(EXECUTOR_SECONDS + ANSWER_SECONDS, self._has_executor):
                return "it has no executor"
            if in_doubt and _within(QUERY_SECONDS, lambda: self._spark.range(1).count()) != 1:
                return "it answers wrongly"
        except TimeoutError as error:
            return str(error)
        except Exception as error:  # Py4J and the network have many names for a dead JVM
            return f"its JVM does not answer: {type(error).__name__}"
        return None

    def _has_executor(self) -> bool:
        deadline = time.monotonic() + EXECUTOR_SECONDS
        while self._context.getExecutorMemoryStatus().size() < 2:  # the driver is counted too
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def tidy(self) -> str | None:
        """Let go what jobs left behind, while none is there; answer why the session shall be replaced, None where it need not.

        :raises TimeoutError: the JVM does not do it in time.
        """
        return _within(ANSWER_SECONDS, self._tidy)

    def _tidy(self) -> str | None:
        self._spark.catalog.clearCache()
        for rdd in self._spark.sparkContext._jsc.getPersistentRDDs().values():
            rdd.unpersist(False)
        self._spark._jsparkSession.sharedState().globalTempViewManager().clear()
        runtime = self._jvm.java.lang.Runtime.getRuntime()
        if runtime.totalMemory() - runtime.freeMemory() > FULL_SHARE * runtime.maxMemory():
            self._jvm.java.lang.System.gc()
            used, most = runtime.totalMemory() - runtime.freeMemory(), runtime.maxMemory()
            if used > FULL_SHARE * most:
                return f"{used // 2**20} of {most // 2**20} MiB of its driver's memory are in use, though no job is"
        return None


def _within(seconds: float, act: Callable[[], T]) -> T:
    """What something answers in time.

    :raises TimeoutError: nothing.
    """
    found: list[T] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            found.append(act())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True, name="warm-question")
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not found:
        msg = f"its JVM did not answer within {seconds:g} s"
        raise TimeoutError(msg)
    return found[0]
