"""A system without Ray, for the faults between a client and Snowflake: a second local Snowflake whose nodes are small programs.

Operators run in the test's own process as Airflow would run them, and everything that they ask for passes the fault door.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import TaskDeferred

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.hooks import shared
from airflow_provider_raydp_spcs.local.paths import Paths
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.delete_cluster import DeleteRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.retries import RayDPRetryPolicy
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.faults.belongings import SCHEMA
from tests.faults.door import Door
from tests.faults.light_node import RUNS
from tests.faults.suite import COUNTED, Fault, Suite
from tests.integration.containers import ECHO
from tests.unit.airflow.fakes import Airflow, fire

T = TypeVar("T")
IMAGES = ("raydp_base", "raydp_head", "raydp_worker", "raydp_custom_worker")
NODE = Path(__file__).with_name("light_node.py")
TRIES = 5
"""How often Airflow tries a task here, at most."""


def make_images(folder: Path) -> Path:
    """The image folders, and ``echo`` for WebSockets."""
    for name in IMAGES:
        (folder / name).mkdir()
        (folder / name / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["python", "{NODE}"]\n')
    (folder / "echo").mkdir()
    (folder / "echo" / "server.py").write_text(ECHO)
    program = folder / "echo" / "server.py"
    (folder / "echo" / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["python", "{program}"]\n')
    return folder


def small(name: str) -> ClusterConfig:
    """A cluster of a head and a worker."""
    return ClusterConfig(name, head=HeadConfig("CPU_X64_XS"), worker_groups=(WorkerGroup("CPU_X64_XS", count=1),))


class Triggerer:
    """An event loop that goes on from test to test, as a triggerer's does."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="triggerer", daemon=True)
        self._thread.start()

    def run(self, what: Coroutine[Any, Any, T], seconds: float = 120) -> T:
        """Run something there."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(seconds)

    def close(self) -> None:
        """End it, and the connections that its triggers share."""
        for each in shared._SHARED.values():
            each._thread.submit(each._close).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@dataclass
class Run:
    """One DAG run: its tasks are tried as Airflow tries them.

    :param name: the run's id, under which its jobs are counted.
    :param errors: what tries have ended with.
    """

    name: str
    cluster: str
    triggerer: Triggerer
    application: Path
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    stores: dict[str, Airflow] = field(default_factory=dict)
    while_deferred: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered for as long as a task waits in the triggerer."""

    def create(self, **values: Any) -> Any:
        """Create the cluster and wait for it."""
        values = {"cluster": small(self.cluster), "poll_interval": 0.3, **values}
        return self.task(lambda: CreateRayDPClusterOperator(task_id="create", cluster_name=self.cluster, **values))

    def submit(self, task: str, seconds: float = 0.4, **values: Any) -> Any:
        """Run a job of so many seconds and wait for its end; answers its result, which is the run's name."""
        values = {"poll_interval": 0.1, "application": self.application, "application_args": [str(seconds)], **values}
        return self.task(lambda: SubmitRayDPJobOperator(task_id=task, cluster_name=self.cluster, **values))

    def export(self, *tasks: str) -> Any:
        """Export the logs of jobs."""
        return self.task(
            lambda: ExportRayDPLogsOperator(task_id="export", cluster_name=self.cluster, job_task_ids=tasks)
        )

    def delete(self, **values: Any) -> Any:
        """Delete the cluster."""
        values = {"poll_interval": 0.3, "linger_seconds": 0, **values}
        return self.task(lambda: DeleteRayDPClusterOperator(task_id="delete", cluster_name=self.cluster, **values))

    def live(self, *, deferrable: bool = False) -> None:
        """The whole life of a shared cluster, with a job that is waited for in a worker and one that is in a triggerer."""
        self.create(shared=True, deferrable=deferrable)
        assert self.submit("worker", deferrable=False) == self.name
        assert self.submit("triggerer", deferrable=True) == self.name
        assert self.export("worker", "triggerer")
        self.delete(shared=True, deferrable=deferrable)

    def task(self, make: Callable[[], Any], tries: int = TRIES) -> Any:
        """Try a task until it ends well, as its retry policy says; what it ended with otherwise is raised."""
        for left in reversed(range(tries)):
            operator = make()
            airflow = self.stores.setdefault(operator.task_id, Airflow())
            airflow.xcoms = self.xcoms
            context = airflow.context(operator.task_id)
            context["ti"].run_id = self.name
            try:
                return self._once(operator, context)
            except Exception as error:
                self.errors.append(error)
                decision = RayDPRetryPolicy().evaluate(error, airflow.tries, tries)
                if decision.action is RetryAction.FAIL or not left:
                    raise
        raise AssertionError

    def _once(self, operator: Any, context: Any) -> Any:
        try:
            operator.pre_execute(context)
            return operator.execute(context)
        except TaskDeferred as deferred:
            waiting = deferred
        while True:
            with self.while_deferred():
                event = self.triggerer.run(fire(waiting.trigger))
            try:
                return getattr(operator, waiting.method_name)(context, event=event, **(waiting.kwargs or {}))
            except TaskDeferred as deferred:
                waiting = deferred


class Light:
    """The system, and the door before it.

    :param images: folder of the image folders.
    :param application: what jobs run, as far as they run anything.
    """

    def __init__(self, suite: Suite, door: Door, images: Path, application: Path) -> None:
        self.suite, self.door, self.images = suite, door, images
        self.triggerer, self._application = Triggerer(), application
        self.port = int(suite.environment["SNOWFLAKE_PORT"])
        self._names = 0
        self.used = ""

    def close(self) -> None:
        """End what is no process of the local Snowflake."""
        self.triggerer.close()
        self.door.close()

    def run(self, cluster: str) -> Run:
        """A DAG run with a name of its own."""
        self._names += 1
        self.used = cluster
        return Run(f"run-{self._names}", cluster, self.triggerer, self._application)

    @contextmanager
    def fault(self, side: str, fault: str, expected: str) -> Iterator[Fault]:
        """Inject a fault in this block, whose clients go through the door; see :meth:`Suite.fault`."""
        with self.suite.fault(side, fault, expected) as made:
            try:
                with self.door.leading():
                    yield made
            finally:
                self.count_runs(self.used)

    def count_runs(self, cluster: str) -> None:
        """Write down how often the jobs of a cluster have really run, where the suite counts."""
        known = self.suite.counted()
        new = [name for name, times in self.runs(cluster).items() for _ in range(times - known.get(name, 0))]
        if new:
            marks = ", ".join(["(%s)"] * len(new))
            self.suite.sql(f"INSERT INTO {COUNTED} VALUES {marks}", *new)

    def runs(self, cluster: str) -> Counter[str]:
        """Run → how often a job of it has really run on a cluster of this name."""
        folder = Paths(self.suite.home).stages.joinpath(*SCHEMA.split("."), "RAYDPLOGS", RUNS, cluster)
        return Counter(file.read_text() for file in folder.glob("*"))

    @contextmanager
    def client(self) -> Iterator[tuple[Clusters, Mapping[str, str]]]:
        """The clusters, past the door, and headers for the ingress."""
        with (
            self.past_the_door(),
            connect(
                self.suite.environment, session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "json"}
            ) as made,
        ):
            yield Clusters(client_of(made)), session_tokens(made).headers()

    @contextmanager
    def past_the_door(self) -> Iterator[None]:
        """Clients of this block do not go through the door."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("HTTPS_PROXY", "https_proxy"):
                patch.delenv(name, raising=False)
            yield

    def admin(self, *statements: str) -> None:
        """Do what an account administrator does, past the door."""
        with self.past_the_door(), connect(self.suite.environment, role="ACCOUNTADMIN") as made:
            for statement in statements:
                made.cursor().execute(statement)
