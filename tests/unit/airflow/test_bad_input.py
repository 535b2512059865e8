"""What is wrong fails at once, whatever retries a task has, and its message says what mends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.sdk import RetryAction

from airflow_provider_raydp_spcs.cluster.errors import ClusterConflictError, ClusterNotFoundError, NameTakenError
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.decorators.raydp import raydp_task
from airflow_provider_raydp_spcs.hooks.spcs import SpcsHook
from airflow_provider_raydp_spcs.jobs.errors import ApplicationNotFoundError, JobInputError, NotPicklableError
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.export_logs import ExportRayDPLogsOperator
from airflow_provider_raydp_spcs.operators.resume_cluster import ResumeRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.scale_cluster import ScaleRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.operators.suspend_cluster import SuspendRayDPClusterOperator
from airflow_provider_raydp_spcs.sensors.ray_job import RayDPJobSensor
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import (
    InsufficientPrivilegesError,
    LeaseTableMissingError,
    ObjectDoesNotExistError,
)
from airflow_provider_raydp_spcs.spcs.leases import Leases
from airflow_provider_raydp_spcs.spcs.stages import Stages
from tests.unit.airflow.fakes import Airflow, FakeHead, FakeSnowflake


def fails_at_once(operator: Any, airflow: Airflow, kind: type[Exception], *words: str) -> None:
    """It raises the error, the message holds the words, and no retry is made."""
    with pytest.raises(kind) as caught:
        operator.execute(airflow.context())
    assert type(caught.value) is kind
    for part in words:
        assert part in str(caught.value)
    decision = operator.retry_policy.evaluate(caught.value, 1, 5)
    assert decision.action is RetryAction.FAIL


@dataclass
class Statements:
    """A session that refuses the statements that begin so, and answers nothing to others."""

    begin: str
    error: Exception
    sent: list[str]

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        del params
        self.sent.append(sql)
        if sql.startswith(self.begin):
            raise self.error
        if "CURRENT_DATABASE()" in sql:
            return [{"d": "D", "s": "S"}]
        return [{"r": "ETL_ROLE"}] if "CURRENT_ROLE()" in sql else []


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Exception], Statements]:
    """A Snowflake, down to its SQL, that refuses something."""

    def make(begin: str, error: Exception) -> Statements:
        session = Statements(begin, error, [])
        client = SpcsClient(session)
        monkeypatch.setattr(SpcsHook, "client", property(lambda hook: client))
        monkeypatch.setattr(SpcsHook, "clusters", property(lambda hook: Clusters(client, sleep=lambda seconds: None)))
        return session

    return make


def missing(what: str) -> ObjectDoesNotExistError:
    return ObjectDoesNotExistError(f"SQL compilation error:\n{what} does not exist or not authorized.", 2003, "02000")


class TestUnknownCluster:
    WORDS = ("there is no cluster NOWHERE", "create it with CreateRayDPClusterOperator")

    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            (ScaleRayDPClusterOperator, {"count": 2}),
            (SuspendRayDPClusterOperator, {}),
            (ResumeRayDPClusterOperator, {}),
            (ExportRayDPLogsOperator, {"job_task_id": "x"}),
            (RayDPJobSensor, {"submission_id": "j"}),
        ],
    )
    def test_for_tasks_about_clusters(
        self, snowflake: FakeSnowflake, airflow: Airflow, kind: type[Any], values: dict[str, Any]
    ) -> None:
        fails_at_once(
            kind(task_id="task", cluster_name="nowhere", **values), airflow, ClusterNotFoundError, *self.WORDS
        )

    def test_for_jobs(self, snowflake: FakeSnowflake, airflow: Airflow, application: str) -> None:
        operator = SubmitRayDPJobOperator(task_id="task", cluster_name="nowhere", application=application)
        fails_at_once(operator, airflow, ClusterNotFoundError, *self.WORDS)
        assert snowflake.stages.files_there == airflow.store.values == {}


class TestWrongStage:
    MADE = "CREATE STAGE IF NOT EXISTS NO_STAGE ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') DIRECTORY = (ENABLE = TRUE);"

    def test_of_artifacts(
        self, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, application: str, refusing: Any
    ) -> None:
        session = Statements("PUT", missing("Stage 'D.S.NO_STAGE'"), [])
        snowflake.stages.on_put = lambda: None
        snowflake.stages.put = SpcsClient(session).stages.put  # type: ignore[method-assign, assignment]
        operator = SubmitRayDPJobOperator(
            task_id="task", cluster_name="c", application=application, artifacts_stage="NO_STAGE"
        )
        grant = "GRANT READ, WRITE ON STAGE NO_STAGE TO ROLE ETL_ROLE;"
        fails_at_once(operator, airflow, ObjectDoesNotExistError, self.MADE, grant, "sql/step1_user_setup.sql")
        assert head.posted == 0

    def test_of_logs(self, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow) -> None:
        session = Statements("PUT", missing("Stage 'D.S.NO_STAGE'"), [])
        snowflake.stages.put = SpcsClient(session).stages.put  # type: ignore[method-assign, assignment]
        operator = ExportRayDPLogsOperator(task_id="task", cluster_name="c", job_task_id="x", logs_stage="NO_STAGE")
        fails_at_once(operator, airflow, ObjectDoesNotExistError, self.MADE, "GRANT READ, WRITE ON STAGE NO_STAGE")

    def test_that_is_no_name(
        self, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, application: str
    ) -> None:
        from airflow_provider_raydp_spcs.spcs.errors import InvalidIdentifierError

        snowflake.stages.put = Stages(Statements("-", OSError(), [])).put  # type: ignore[method-assign, assignment]
        operator = SubmitRayDPJobOperator(
            task_id="task", cluster_name="c", application=application, artifacts_stage="my stage"
        )
        fails_at_once(operator, airflow, InvalidIdentifierError, "'my stage' is no plain Snowflake identifier")


class TestUnreadableApplication:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("no_such_job.py", "give the path of a Python file that the worker can read"),
            ("", "give the path of a Python file that the worker can read"),
            ("job.jar", "its name must end with .py"),
        ],
    )
    def test_nothing_is_asked_of_anybody(
        self, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, tmp_path: Any, name: str, words: str
    ) -> None:
        (tmp_path / "job.jar").touch()
        path = str(tmp_path / name)
        for operator in (
            SubmitRayDPJobOperator(task_id="task", cluster_name="c", application=path),
            CreateRayDPClusterOperator(task_id="task", cluster_name="d", applications=[path]),
        ):
            fails_at_once(operator, airflow, ApplicationNotFoundError, words)
        assert (head.requests, snowflake.calls) == ([], [])

    def test_one_that_may_not_be_read(self, head: FakeHead, airflow: Airflow, application: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.access", lambda path, mode: False)
            operator = SubmitRayDPJobOperator(task_id="task", cluster_name="c", application=application)
            fails_at_once(operator, airflow, ApplicationNotFoundError, "cannot be read")


def test_a_result_that_is_no_json(
    head: FakeHead, airflow: Airflow, application: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_raydp_spcs.runtime.errors import ResultError
    from airflow_provider_raydp_spcs.runtime.result import set_result

    monkeypatch.setenv("RAYDP_RESULTS_DIR", "/nowhere")
    monkeypatch.setenv("RAYDP_SUBMISSION_ID", "j")
    with pytest.raises(ResultError) as caught:
        set_result({1, 2})
    head.will(("FAILED", f"{caught.value}\n"), exit_code=65)
    operator = SubmitRayDPJobOperator(task_id="task", cluster_name="c", application=application, poll_interval=0.01)
    fails_at_once(operator, airflow, JobInputError, "write anything else to a table or a stage and return its name")


def test_closures_that_cannot_be_pickled(head: FakeHead, airflow: Airflow) -> None:
    guard = threading.Lock()

    def function() -> bool:
        return guard.locked()

    operator = raydp_task(function, cluster_name="c")().operator  # type: ignore[operator]
    words = ("its variable 'guard'", "open connections, locks and the like inside it instead")
    fails_at_once(operator, airflow, NotPicklableError, *words)
    assert head.requests == []


def test_two_clusters_of_one_name_with_other_configurations(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    snowflake.make("C")
    snowflake.on_sleep = lambda: pytest.fail("it waits")
    operator = CreateRayDPClusterOperator(task_id="task", cluster_name="c", cluster={"notebook": True})
    words = ("made by somebody with another configuration", "Give cluster C another name, or ask for the same")
    fails_at_once(operator, airflow, ClusterConflictError, *words)
    assert snowflake.calls == []


def test_another_family_of_nodes_than_a_running_pools(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    snowflake.make("C", owner="dag", run="run")
    cluster = {"head": {"instance_family": "CPU_X64_M"}}
    operator = CreateRayDPClusterOperator(task_id="task", cluster_name="c", cluster=cluster)
    fails_at_once(operator, airflow, ClusterConflictError, "Delete cluster C first, or choose another cluster name")


def test_a_name_that_is_something_elses(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    snowflake.make("C")
    for pool in snowflake.compute_pools.there:
        snowflake.compute_pools.alter(pool, comment="")
    operator = CreateRayDPClusterOperator(task_id="task", cluster_name="c")
    fails_at_once(operator, airflow, NameTakenError, "choose another cluster name")


def test_the_lease_table_is_missing(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    session = Statements("SELECT 1", missing("Object 'RAYDP_LEASES'"), [])
    snowflake.leases = Leases(session)  # type: ignore[assignment]
    operator = CreateRayDPClusterOperator(task_id="task", cluster_name="c", shared=True)
    words = ("sql/step1_user_setup.sql", "CREATE TABLE IF NOT EXISTS RAYDP_LEASES", "GRANT SELECT, INSERT")
    fails_at_once(operator, airflow, LeaseTableMissingError, *words)
    assert snowflake.calls == []


class TestRoleWithoutPrivilege:
    def denied(self, what: str) -> InsufficientPrivilegesError:
        text = f"SQL access control error:\nInsufficient privileges to operate on {what}"
        return InsufficientPrivilegesError(text, 3001, "42501")

    @pytest.mark.parametrize(
        ("begin", "what", "grant"),
        [
            ("CREATE COMPUTE POOL", "account 'A'", "GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE ETL_ROLE;"),
            ("CREATE SERVICE", "account 'A'", "GRANT BIND SERVICE ENDPOINT ON ACCOUNT TO ROLE ETL_ROLE;"),
            ("CREATE SERVICE", "schema 'S'", "GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE ETL_ROLE;"),
        ],
    )
    def test_it_is_named_with_its_grant(
        self, airflow: Airflow, refusing: Any, begin: str, what: str, grant: str
    ) -> None:
        session = refusing(begin, self.denied(what))
        operator = CreateRayDPClusterOperator(task_id="task", cluster_name="c")
        fails_at_once(operator, airflow, InsufficientPrivilegesError, "The role lacks", grant)
        assert any(sql.startswith(begin) for sql in session.sent)

    def test_the_ingress_names_its_service_role(self, head: FakeHead, airflow: Airflow, application: str) -> None:
        from airflow_provider_raydp_spcs.jobs.errors import NotAllowedError

        head.answer = lambda method, path, body: (403, "no")  # type: ignore[method-assign]
        operator = SubmitRayDPJobOperator(task_id="task", cluster_name="c", application=application)
        grant = "GRANT SERVICE ROLE <head service>!ALL_ENDPOINTS_USAGE TO ROLE <role>"
        fails_at_once(operator, airflow, NotAllowedError, grant)

    def test_a_token_that_nobody_knows(self, head: FakeHead, airflow: Airflow, application: str) -> None:
        from airflow_provider_raydp_spcs.jobs.errors import NotSignedInError

        head.answer = lambda method, path, body: (302, "sign in")  # type: ignore[method-assign]
        operator = SubmitRayDPJobOperator(task_id="task", cluster_name="c", application=application)
        fails_at_once(operator, airflow, NotSignedInError, "check the connection's credentials")
