"""The job's side of a warm session: a lease, and a Spark session over the door that comes with it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.runtime import errors
from airflow_provider_raydp_spcs.runtime.errors import RuntimeRoomError, WarmSessionError
from airflow_provider_raydp_spcs.runtime.executor_deaths import deaths_told
from airflow_provider_raydp_spcs.runtime.jvm_errors import words_kept
from airflow_provider_raydp_spcs.runtime.progress import stages_shown
from airflow_provider_raydp_spcs.runtime.raydp_bridge import RaydpBridge
from airflow_provider_raydp_spcs.runtime.warm.places import FOLDER, keeper_socket, nursery_socket
from airflow_provider_raydp_spcs.runtime.warm.sessions import Sessions
from airflow_provider_raydp_spcs.runtime.warm.sharing import Door
from airflow_provider_raydp_spcs.runtime.warm.wire import Line

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

AGAIN_SECONDS: Final = 0.2
REPLACEMENTS: Final = 3
"""Sessions that may be found dead before the job gives up."""
Say = Callable[[str], None]


@contextmanager
def attached(sessions: Sessions, configs: Mapping[str, str], timeout: float, say: Say) -> Iterator[SparkSession]:
    """A Spark session in the warm application of its kind, which is started where it is not there.

    :param configs: settings of this session alone.
    :param timeout: seconds until it must be there.
    :param say: takes each line for the job's log.
    :raises SparkSizeError, SparkStartError: the application cannot be started.
    :raises WarmSessionError: no session was had in time, or one of the settings belongs to the application.
    """
    job = os.environ.get("RAYDP_SUBMISSION_ID") or f"process-{os.getpid()}"
    line, door = lease(Path(os.environ[FOLDER]), sessions, job, timeout, say)
    with contextlib.closing(line):
        say(f"Spark session: warm, {door.about}")
        spark = _session(door)
        gateway: Any = spark.sparkContext._gateway
        bridge = _Bridge(spark, line)
        try:
            _set(spark, configs)
            shown = stages_shown(spark, tracker=_own_stages(spark, door.tag))
            with _ray_namespace(door.namespace, say), shown, words_kept(), deaths_told(spark):
                yield spark
        finally:
            bridge.stop()
            with contextlib.suppress(Exception):  # the JVM may be gone, and the job's own error is the news
                spark.stop()
                gateway.shutdown()  # of this door only; else every object that Python lets go would still be told there
        with contextlib.suppress(OSError):
            line.send(farewell=True)


def lease(folder: Path, sessions: Sessions, job: str, timeout: float, say: Say) -> tuple[Line, Door]:
    """A door into the warm application, and the connection that keeps it open.

    :raises SparkSizeError, SparkStartError: the application cannot be started.
    :raises WarmSessionError: no door in time, or one dead application after the other.
    """
    deadline = time.monotonic() + timeout
    dead: list[str] = []
    while time.monotonic() < deadline and len(dead) <= REPLACEMENTS:
        line = _connect(folder, sessions)
        answer = None if line is None else _ask(line, job, say, deadline)
        if line is not None and answer is not None and "door" in answer:
            return line, Door(**answer["door"])
        if line is not None:
            line.close()
        if answer is not None and "error" in answer:
            raise _error(answer)
        if answer is not None:
            dead.append(str(answer["gone"]))
            say(f"The warm session is replaced: {dead[-1]}")
        time.sleep(AGAIN_SECONDS)
    why = f"it was replaced {len(dead)} times, last because {dead[-1]}" if dead else "none came up"
    msg = (
        f"no warm session within {timeout:g} s: {why}. Its log is raydp-warm-{sessions.key}.log among Ray's logs on the "
        "head; without session='warm' the job starts a session of its own"
    )
    raise WarmSessionError(msg)


def _connect(folder: Path, sessions: Sessions) -> Line | None:
    """A connection to the keeper; None where it is just ending.

    :raises WarmSessionError: nobody can start one.
    """
    try:
        nursery = Line.to(nursery_socket(folder))
        with contextlib.closing(nursery):
            nursery.send_files([])
            nursery.send(do="keeper", key=sessions.key, sessions=sessions.to_json())
            nursery.receive()
    except OSError as error:
        msg = f"no warm session can be had on this node: {error}; submit the job without session='warm'"
        raise WarmSessionError(msg) from error
    try:
        return Line.to(keeper_socket(folder, sessions.key))
    except OSError:
        return None


def _ask(line: Line, job: str, say: Say, deadline: float) -> dict[str, Any] | None:
    """The keeper's answer; None where it has ended meanwhile, or the time is up."""
    with contextlib.suppress(OSError):
        line.send(job=job)
        while (left := deadline - time.monotonic()) > 0:
            line.patience(left)
            answer = line.receive()
            if answer is None or "say" not in answer:
                line.patience(None)
                return answer
            say(f"Spark session: {answer['say']}")
    return None


def _error(answer: Mapping[str, Any]) -> RuntimeRoomError:
    kind = getattr(errors, str(answer["kind"]), None)
    if isinstance(kind, type) and issubclass(kind, RuntimeRoomError):
        return kind(answer["error"])
    return WarmSessionError(f"the warm session does not start: {answer['kind']}: {answer['error']}")


def _session(door: Door) -> SparkSession:
    import pyspark
    from pyspark.conf import SparkConf
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    if pyspark.__version__ != door.spark:
        msg = f"the job has PySpark {pyspark.__version__}, the warm session Spark {door.spark}; they must be the same"
        raise WarmSessionError(msg)
    # That is how PySpark is told of a JVM that is there; nothing that the job starts shall find it.
    os.environ |= {"PYSPARK_GATEWAY_PORT": str(door.port), "PYSPARK_GATEWAY_SECRET": door.secret}
    try:
        gateway = launch_gateway()
    finally:
        del os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"]
    jvm = gateway.jvm
    session = jvm.SparkSession.getActiveSession().get()
    jsc = jvm.JavaSparkContext.fromSparkContext(session.sparkContext())
    in_main = threading.current_thread() is threading.main_thread()
    interrupt = signal.getsignal(signal.SIGINT)
    context = _shared_context()(conf=SparkConf(_jconf=jsc.getConf()), gateway=gateway, jsc=jsc)
    if in_main:
        # PySpark's own handler cancels every job of the application.
        signal.signal(signal.SIGINT, interrupt)
    return SparkSession(context, session)


def _shared_context() -> type[SparkContext]:
    from pyspark import SparkContext

    class SharedContext(SparkContext):  # type: ignore[misc]
        """A Spark context whose application is not the job's to stop."""

        def stop(self) -> None:
            self._jsc = None
            super().stop()
            # The next one of this process must not take the door of this one, which is closed by then.
            SparkContext._gateway = SparkContext._jvm = None

    return SharedContext


class _Bridge(RaydpBridge):
    """What RayDP's Python half must find in a job whose session is another process'.

    :param line: the lease.
    """

    def __init__(self, spark: SparkSession, line: Line) -> None:
        self._line, self._asking, self._has_master = line, threading.Lock(), False
        super().__init__(spark, {}, lambda: None)

    def master(self) -> None:
        """RayDP's master actor, which the keeper starts at the first use of any job, and which outlives the job."""
        with self._asking:
            if not self._has_master:
                self._line.send(master=True)
                self._has_master = bool((self._line.receive() or {}).get("master"))

    def make_driver_agent(self) -> None:
        """The keeper has made it, once for its JVM."""


def _set(spark: SparkSession, configs: Mapping[str, str]) -> None:
    from pyspark.errors import AnalysisException

    for name, value in configs.items():
        try:
            spark.conf.set(name, value)
        except AnalysisException as error:
            msg = f"{name} cannot be {value!r} for one job of a warm session: {error}. Do without session='warm'"
            raise WarmSessionError(msg) from error


class _OwnStages:
    """Spark's status tracker, as if this job were alone.

    :param tracker: PySpark's.
    :param jobs: tells the Spark jobs of this one.
    """

    def __init__(self, tracker: Any, jobs: Callable[[], list[int]]) -> None:
        self._tracker, self._jobs = tracker, jobs

    def getActiveStageIds(self) -> list[int]:  # noqa: N802 - Spark's name
        active = set(self._tracker.getActiveStageIds())
        infos = map(self._tracker.getJobInfo, self._jobs())
        own = {stage for info in infos if info is not None for stage in info.stageIds}
        return sorted(active & own)

    def getStageInfo(self, stage: int) -> Any:  # noqa: N802 - Spark's name
        return self._tracker.getStageInfo(stage)


def _own_stages(spark: SparkSession, tag: str) -> _OwnStages:
    tracker: Any = spark.sparkContext.statusTracker()
    java = spark.sparkContext._jsc.sc().statusTracker()
    return _OwnStages(tracker, lambda: list(java.getJobIdsForTag(tag)))


@contextmanager
def _ray_namespace(namespace: str, say: Say) -> Iterator[None]:
    """Have Ray connect in the session's namespace, in which RayDP finds its actors by name, whoever connects it.

    It is connected at its first use only: many jobs never do, and it takes a second.
    """
    import ray

    if ray.is_initialized():
        if ray.get_runtime_context().namespace != namespace:
            say("Ray was connected before the warm session: rows do not pass between Ray and Spark in this job")
        yield
        return
    stock = ray.init

    @wraps(stock)
    def init(*args: Any, **kwargs: Any) -> Any:
        return stock(*args, **{"namespace": namespace, "log_to_driver": False, **kwargs})

    ray.init = init
    try:
        yield
    finally:
        ray.init = stock


def attached_for(
    executors: int | None,
    executor_cores: int | None,
    executor_memory_mib: int | None,
    share: float,
    configs: Mapping[str, str],
    timeout: float,
) -> contextlib.AbstractContextManager[SparkSession]:
    """:func:`attached`, for the arguments of ``spark_session``."""
    sessions, own = Sessions.split(executors, executor_cores, executor_memory_mib, share, configs)
    return attached(sessions, own, timeout, partial(print, flush=True))
