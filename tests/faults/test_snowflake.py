"""Faults on Snowflake's side, each somewhere in the whole life of a shared cluster with two jobs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from airflow_provider_raydp_spcs.cluster.errors import ClusterNotFoundError
from airflow_provider_raydp_spcs.jobs.errors import HeadGoneError
from airflow_provider_raydp_spcs.local import daemon
from airflow_provider_raydp_spcs.spcs import leases
from airflow_provider_raydp_spcs.spcs.errors import (
    CapacityError,
    InsufficientPrivilegesError,
    LeaseTableMissingError,
    NoWarehouseError,
    ObjectDoesNotExistError,
    SessionEndedError,
    SnowflakeUnreachableError,
    SpcsError,
    StatementFailedError,
)
from tests.faults.belongings import SCHEMA
from tests.faults.door import Rule
from tests.faults.door_actions import Action, Answer, Meanwhile, Reset, refused
from tests.faults.door_wire import Asked
from tests.faults.light import Light, Run
from tests.faults.suite import Fault

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
REQUESTS: Final = 90
STATEMENTS: Final = 60
"""So many requests to Snowflake has a life, at least; so many of them are statements."""
LIVED: Final = "the cluster lived and went, and both jobs ran once"
NOT_TRIED_AGAIN: Final = f"{LIVED}; no task failed"
ROLE: Final = "RAYDP_SIS_ROLE"


class Moments:
    """Random ones of the requests that fit.

    :param strikes: how many.
    :param fits: which are counted.
    """

    def __init__(self, fault: Fault, many: int, strikes: int, fits: Callable[[Asked], bool]) -> None:
        self._chosen, self._fits, self._seen = set(fault.chance.sample(range(many), strikes)), fits, 0

    def __call__(self, asked: Asked) -> bool:
        """Whether this is one of them."""
        if not self._fits(asked):
            return False
        self._seen += 1
        return self._seen - 1 in self._chosen


def is_statement(asked: Asked) -> bool:
    """Whether a request runs a statement."""
    return bool(asked.sql)


def lives(light: Light, fault: Fault, rule: Rule) -> Run:
    """A life under a rule; which of its waits are deferred is drawn."""
    run = light.run("LIFE")
    fault.expects(run.name, 2)
    with light.door.breaking(rule):
        run.live(deferrable=fault.chance.random() < 0.5)
    fault.struck(rule.strikes)
    return run


@pytest.fixture(autouse=True)
def short_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion that dies keeps others away from its cluster for ten minutes; ours for twenty seconds."""
    monkeypatch.setattr(leases, "CLOSING_SECONDS", 20)


@pytest.mark.parametrize(
    ("what", "action"),
    [
        ("connection reset before a request arrives", Reset(is_carried_out=False)),
        ("connection reset mid-statement: it is carried out, its answer is lost", Reset(is_carried_out=True)),
        ("HTTP 503", Answer(503)),
    ],
)
def test_lost_answers_are_asked_for_again(light: Light, what: str, action: Action) -> None:
    with light.fault("Snowflake", what, "the connector asks again; nothing is done twice") as fault:
        moments = Moments(fault, REQUESTS, 6, lambda asked: asked.port == light.port)
        run = lives(light, fault, Rule(action, when=moments, times=None))
        # Of a sign-in the connector makes two attempts only; a task whose both are struck is tried again.
        assert {type(each) for each in run.errors} <= {SnowflakeUnreachableError}
        fault.seen(f"{LIVED}; tasks were tried again {len(run.errors)} times" if run.errors else NOT_TRIED_AGAIN)


def test_an_expired_session_token_is_renewed(light: Light) -> None:
    expected = "the connector renews it; nothing is done twice"
    with light.fault("Snowflake", "session expired: its token is to be renewed", expected) as fault:
        expired = refused(390112, "08001", "Your session has expired. Please login again.")
        run = lives(light, fault, Rule(expired, when=Moments(fault, STATEMENTS, 8, is_statement), times=None))
        assert not run.errors
        fault.seen(NOT_TRIED_AGAIN)


@pytest.mark.parametrize(
    ("what", "action", "error"),
    [
        (
            "session ended by an administrator",
            refused(390111, "08001", "Session no longer exists. New login required to access the service."),
            SessionEndedError,
        ),
        (
            "statement timeout",
            refused(
                630, "57014", "Statement reached its statement or warehouse timeout of 1 second(s) and was canceled."
            ),
            StatementFailedError,
        ),
    ],
)
def test_statements_that_fail_once_are_done_when_the_task_is_tried_again(
    light: Light, what: str, action: Action, error: type[Exception]
) -> None:
    with light.fault("Snowflake", what, "the task is tried again; nothing is done twice") as fault:
        rule = Rule(action, when=Moments(fault, STATEMENTS, 3, is_statement), times=None)
        run = lives(light, fault, rule)
        assert all(type(each) is error for each in run.errors), run.errors
        fault.seen(f"{LIVED}; tasks were tried again {len(run.errors)} times")


def test_a_pool_without_capacity_is_asked_for_again(light: Light) -> None:
    with light.fault(
        "Snowflake", "pool capacity error", "what was made is taken back, the task is tried again"
    ) as fault:
        text = "Compute pool cannot be created: there is no capacity for the instance family CPU_X64_XS."
        times = fault.chance.randint(1, 3)
        run = lives(light, fault, Rule(refused(392507, "57014", text), sql="^CREATE COMPUTE POOL", times=times))
        assert run.errors
        assert {type(each) for each in run.errors} == {CapacityError}
        fault.seen(f"{LIVED}; the creation was tried again {len(run.errors)} times")


def test_a_suspended_warehouse_is_said_with_the_next_step(light: Light) -> None:
    expected = "the lease needs it: the task says how to resume it and is tried again"
    with light.fault("Snowflake", "warehouse suspended, and does not resume by itself", expected) as fault:
        text = (
            "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' "
            "command.\n"
        )
        rule = Rule(refused(606, "57P03", text), sql=r"^(SELECT|INSERT|UPDATE|DELETE)\b.*RAYDP_LEASES")
        rule.skip, rule.times = fault.chance.randrange(6), fault.chance.randint(1, 3)
        run = lives(light, fault, rule)
        assert run.errors
        assert {type(each) for each in run.errors} == {NoWarehouseError}
        assert all("ALTER WAREHOUSE" in str(each) for each in run.errors)
        fault.seen(f"{LIVED}; tasks were tried again {len(run.errors)} times")


@pytest.mark.parametrize("status", [403, 507])
def test_a_stage_that_takes_no_files_stops_the_task(light: Light, status: int) -> None:
    """The stage's own storage refuses; what the role may do is unchanged."""
    what = {403: "stage unwritable: its storage answers 403", 507: "stage full: its storage answers 507"}[status]
    with light.fault(
        "Snowflake", what, "nothing is submitted; the task is tried again when it can be written"
    ) as fault:
        run = light.run("STAGE")
        fault.expects(run.name, 1)
        run.create()
        rule = Rule(Answer(status), method="PUT", path="^/spcs-stages/", times=None)
        with light.door.breaking(rule):
            with pytest.raises(SpcsError, match="RAYDP_ARTIFACTS"):
                run.submit("worker")
            assert not light.runs("STAGE")[run.name]
        assert run.submit("worker") == run.name
        with light.door.breaking(rule), pytest.raises(SpcsError, match="RAYDPLOGS"):
            run.export("worker")
        assert run.export("worker")
        run.delete()
        fault.struck(rule.strikes)
        fault.seen("the tasks failed with the stage's name; later the job ran once and its logs were exported")


@contextmanager
def revoked(light: Light, privilege: str) -> Iterator[None]:
    """Take a privilege away, and give it back at the end."""
    light.admin(f"REVOKE {privilege} FROM ROLE {ROLE}")
    try:
        yield
    finally:
        light.admin(f"GRANT {privilege} TO ROLE {ROLE}")


@pytest.mark.parametrize(
    "privilege",
    ["CREATE COMPUTE POOL ON ACCOUNT", "BIND SERVICE ENDPOINT ON ACCOUNT", f"CREATE SERVICE ON SCHEMA {SCHEMA}"],
)
def test_a_revoked_privilege_is_named_with_its_grant(light: Light, privilege: str) -> None:
    what = f"privilege revoked before the creation: {privilege}"
    with light.fault("Snowflake", what, "fails at once with the GRANT; nothing stays") as fault:
        run = light.run("REVOKED")
        with revoked(light, privilege), pytest.raises(InsufficientPrivilegesError, match=f"GRANT {privilege}"):
            run.create(shared=True)
        assert len(run.errors) == 1
        left = [each for each in light.suite.belongings().names if "REVOKED" in each]
        assert not left
        fault.struck()
        fault.expects(run.name, 2)
        run.live()
        fault.seen("InsufficientPrivilegesError names the GRANT, nothing stayed; with it the cluster lived")


def test_a_schema_that_is_closed_mid_run_is_named_with_its_grant(light: Light) -> None:
    what = "privilege revoked mid-run: USAGE on the schema"
    with light.fault(
        "Snowflake", what, "each task fails at once and names the GRANT; the deletion does not pass for done"
    ) as fault:
        run = light.run("CLOSED")
        fault.expects(run.name, 1)
        run.create()
        tasks = [lambda: run.submit("worker"), lambda: run.export("worker"), run.delete]
        with revoked(light, f"USAGE ON SCHEMA {SCHEMA}"):
            for task in tasks:
                before = len(run.errors)
                with pytest.raises(Exception, match="GRANT USAGE ON SCHEMA"):
                    task()
                assert len(run.errors) == before + 1
                fault.struck()
        for task in tasks:
            task()
        fault.seen("every task named the GRANT; with it the job ran once and the cluster went")


def test_a_service_that_is_dropped_while_the_cluster_is_created_is_made_again(light: Light) -> None:
    what = "object dropped by somebody else: a worker's service, during the creation"
    with light.fault("Snowflake", what, "the creation fails and is tried again; no cluster lacks a node") as fault:
        run = light.run("DROPS")
        fault.expects(run.name, 1)
        drop = Meanwhile(lambda: light.suite.sql("DROP SERVICE IF EXISTS DROPS_WORKER FORCE"))
        rule = Rule(drop, sql="^SHOW SERVICES", skip=fault.chance.randint(1, 2))
        with light.door.breaking(rule):
            run.create()
        fault.struck(rule.strikes)
        with light.client() as (clusters, _):
            assert {each.name for each in clusters.services("DROPS")} == {"DROPS_HEAD", "DROPS_WORKER"}
        assert run.submit("worker") == run.name
        run.delete()
        fault.seen(f"the cluster was whole in the end; the creation was tried again {len(run.errors)} times")


def test_a_head_that_is_dropped_under_a_job_is_said_so(light: Light) -> None:
    what = "object dropped by somebody else: the head's service, under a job"
    with light.fault("Snowflake", what, "the task says that the cluster is gone; with a new one the job runs") as fault:
        run = light.run("DROPS")
        fault.expects(run.name, 2)
        run.create()
        drop = Meanwhile(lambda: light.suite.sql("DROP SERVICE IF EXISTS DROPS_HEAD FORCE"))
        looks = Rule(drop, method="GET", path="^/api/jobs/$", skip=fault.chance.randint(1, 5))
        with light.door.breaking(looks), pytest.raises((HeadGoneError, ClusterNotFoundError)):
            run.submit("triggerer", 4.0, deferrable=True)
        fault.struck(looks.strikes)
        run.create()
        assert run.submit("triggerer", deferrable=True) == run.name
        run.delete()
        fault.seen("the task failed and said so; on the cluster that was made anew the job ran")


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [("TABLE", "RAYDP_LEASES", LeaseTableMissingError), ("STAGE", "RAYDP_ARTIFACTS", ObjectDoesNotExistError)],
)
def test_what_is_dropped_is_said_with_the_statement_that_makes_it(
    light: Light, kind: str, name: str, error: type[Exception]
) -> None:
    what = f"object dropped by somebody else: the {kind.lower()} {name}"
    with light.fault("Snowflake", what, "fails at once with the statement that makes it; then all is done") as fault:
        run = light.run("DROPS")
        fault.expects(run.name, 1)
        run.create(shared=True)
        light.suite.sql(f"DROP {kind} {name}")
        fault.struck()
        task = (lambda: run.submit("worker")) if kind == "STAGE" else (lambda: run.delete(shared=True))
        with pytest.raises(error, match=f"CREATE {kind} IF NOT EXISTS") as caught:
            task()
        assert len(run.errors) == 1
        (made,) = re.findall(rf"^CREATE {kind} IF NOT EXISTS .*?;$", str(caught.value), re.DOTALL | re.MULTILINE)
        light.suite.sql(made)
        assert run.submit("worker") == run.name
        run.delete(shared=True)
        fault.seen(f"{error.__name__} had the statement; after it the job ran once and the cluster went")


def test_a_server_that_is_killed_and_started_again_is_borne(light: Light) -> None:
    """What it serves, the nodes included, goes with it; all of that is made anew."""
    with light.fault(
        "Snowflake", "server SIGKILLed and started again", "tasks are tried again until all is done"
    ) as fault:
        run = light.run("KILLED")
        killed = threading.Timer(fault.moment(1.0, 15.0), _kill_and_start, [light])
        killed.start()
        try:
            run.live()
        finally:
            killed.join()
        fault.struck()
        times = light.runs("KILLED")[run.name]
        # A head that ends takes its jobs with it. Whether one of the two was there then is not known here.
        fault.expects(run.name, times if times == 3 else 2)
        kinds = ", ".join(sorted({type(each).__name__ for each in run.errors})) or "no error"
        fault.seen(
            f"the cluster lived and went; jobs ran {times} times, for a job that ran with the head is run again ({kinds})"
        )


def _kill_and_start(light: Light) -> None:
    home: Path = light.suite.home
    server = psutil.Process(daemon.status(home).pid)
    server.kill()
    server.wait(30)  # one that is about to end would be taken for one that runs
    daemon.up(home, port=light.port, images=light.images)
