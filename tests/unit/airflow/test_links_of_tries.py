"""Each try keeps its own links, whatever Airflow drops between tries, and the API server shows those."""

from __future__ import annotations

import importlib
import json
import pkgutil
from types import SimpleNamespace
from typing import Any

import airflow.state
import pytest
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.serialization.definitions.operatorlink import XComOperatorLink

from airflow_provider_raydp_spcs import operators
from airflow_provider_raydp_spcs.decorators.raydp import RayDPDecoratedOperator
from airflow_provider_raydp_spcs.jobs.errors import JobFailedError
from airflow_provider_raydp_spcs.links.raydp import JOB_LINKS, RayDPLink, RayJobLink
from airflow_provider_raydp_spcs.links.tries import KEY, MAX_TRIES, keep, of_try
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.plugin import LinkOfTry, RayDPPlugin
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.airflow.fakes import Airflow, FakeHead, FakeSnowflake, Store

PAGE = "https://app.snowflake.com/org/acc/#/data/databases/D/schemas/S/service/C_HEAD"
JUPYTER = "https://notebook.example"
TI_KEY: Any = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=2, try_number=1)


def test_a_record_keeps_the_links_of_every_try() -> None:
    store = Store()
    keep(store, 1, {"a": "1a"})
    keep(store, 2, {"a": "2a"})
    keep(store, 2, {"b": "2b"})
    assert of_try(store.get(KEY), 1) == {"a": "1a"}
    assert of_try(store.get(KEY), 2) == {"a": "2a", "b": "2b"}
    assert of_try(store.get(KEY), 3) == {}
    for number in range(3, MAX_TRIES + 3):
        keep(store, number, {"a": str(number)})
    assert (of_try(store.get(KEY), 2), of_try(store.get(KEY), MAX_TRIES + 2)) == ({}, {"a": str(MAX_TRIES + 2)})


@pytest.mark.parametrize("record", [None, "x", [], {}, {"tries": 3}, {"__external__": "ref"}])
def test_what_is_no_record_is_told_from_a_try_without_links(record: Any) -> None:
    assert of_try(record, 1) is None
    store = Store()
    store.values[KEY] = record
    keep(store, 1, {"a": "1"})
    assert of_try(store.get(KEY), 1) == {"a": "1"}


def test_every_try_of_a_job_is_kept(application: str, head: FakeHead, airflow: Airflow) -> None:
    submit = SubmitRayDPJobOperator(task_id="task", cluster_name="c", application=application, poll_interval=0.01)
    head.will(("FAILED", "no\n"), exit_code=1)
    with pytest.raises(JobFailedError):
        submit.execute(airflow.context())
    airflow.xcoms.clear()  # as Airflow does before each try
    submit.execute(airflow.context())
    for number, job in enumerate(head.jobs, start=1):
        kept = of_try(airflow.store.get(KEY), number) or {}
        assert kept["_link_RayJobLink"] == f"https://{head.host}/#/jobs/{job}"
        assert kept["_link_SnowsightLink"] == PAGE


def test_a_cluster_that_comes_up_has_links_already(
    snowflake: FakeSnowflake, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def comes_up() -> None:
        # The dashboard has no address yet.
        assert airflow.xcoms == {("task", "_link_SnowsightLink"): PAGE, ("task", "_link_JupyterLink"): JUPYTER}
        snowflake.services.host = "h.example"
        snowflake.services.become(ServiceStatus.RUNNING)

    snowflake.services.come_up, snowflake.services.host, snowflake.on_sleep = ServiceStatus.PENDING, None, comes_up
    CreateRayDPClusterOperator(task_id="task", cluster_name="c").execute(airflow.context())
    assert of_try(airflow.store.get(KEY), 1) == {
        "_link_SnowsightLink": PAGE,
        "_link_RayDashboardLink": "https://h.example",
        "_link_JupyterLink": JUPYTER,
    }


class OwnLink(BaseOperatorLink):
    name = "Own"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return "own"


class OwnOperator(SubmitRayDPJobOperator):
    operator_extra_links = (*JOB_LINKS, OwnLink())


@pytest.mark.parametrize(("kind", "left"), [(SubmitRayDPJobOperator, []), (OwnOperator, ["Own"])])
def test_airflow_sets_none_of_them_once_more_at_the_end(
    kind: type[SubmitRayDPJobOperator], left: list[str], application: str, head: FakeHead, airflow: Airflow
) -> None:
    submit, context = kind(task_id="task", cluster_name="c", application=application), airflow.context()
    submit.pre_execute(context)
    assert [link.name for link in submit.operator_extra_links] == left
    submit.execute(context)
    assert ("task", "_link_RayJobLink") in airflow.xcoms


def operator_classes() -> list[type[BaseOperator]]:
    modules = [
        importlib.import_module(f"{operators.__name__}.{each.name}")
        for each in pkgutil.iter_modules(operators.__path__)
    ]
    found = {
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BaseOperator) and each.__module__ == module.__name__
    }
    return sorted({*found, RayDPDecoratedOperator}, key=lambda each: each.__name__)


def test_the_plugin_has_every_link_of_every_operator() -> None:
    wanted = {
        (operator, link.name)
        for operator in operator_classes()
        for link in operator.operator_extra_links
        if isinstance(link, RayDPLink) and operator.__name__ != "ClusterTask"
    }
    plugged = {(operator, link.name) for link in RayDPPlugin.operator_extra_links for operator in link.operators}
    assert plugged == wanted


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ({"tries": {"1": {"_link_RayJobLink": "first"}, "2": {"_link_RayJobLink": "second"}}}, "first"),
        ({"tries": {"2": {"_link_RayJobLink": "second"}}}, ""),
        ({"__external__": "ref"}, "latest"),
        (None, "latest"),
    ],
)
def test_the_api_server_shows_the_link_of_the_try(monkeypatch: pytest.MonkeyPatch, kept: Any, shown: str) -> None:
    class Backend:
        def get(self, scope: Any, key: str) -> str | None:
            assert (scope.dag_id, scope.run_id, scope.task_id, scope.map_index, key) == ("d", "r", "t", 2, KEY)
            return None if kept is None else json.dumps(kept)

    monkeypatch.setattr(airflow.state, "get_state_backend", Backend)
    monkeypatch.setattr(XComOperatorLink, "get_link", lambda self, operator, *, ti_key: "latest")
    assert LinkOfTry(RayJobLink()).get_link(None, ti_key=TI_KEY) == shown  # type: ignore[arg-type]
