"""Links: each try keeps its own, whatever Airflow drops between tries."""

from __future__ import annotations

import importlib
import json
import pkgutil
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator, BaseOperatorLink

from airflow_provider_raydp_spcs import operators
from airflow_provider_raydp_spcs.decorators.raydp import RayDPDecoratedOperator
from airflow_provider_raydp_spcs.links.raydp import JOB_LINKS, RayDPLink, RayJobLink
from airflow_provider_raydp_spcs.links.tries import KEY, MAX_TRIES, keep, of_try
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.plugin import LinkOfTry, RayDPPlugin
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError

TI_KEY = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=2, try_number=1)
ADDRESSES = {
    "dashboard": "https://ray",
    "grafana": "https://graf",
    "notebook": "https://lab",
    "snowsight": "https://snow",
}


class Store(dict[str, Any]):
    """Airflow's task state store."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


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


def test_links_lead_where_their_names_say() -> None:
    found = {link.name: link.target(ADDRESSES, "j1") for link in JOB_LINKS}
    assert found == {
        "Ray dashboard": "https://ray",
        "Ray job": "https://ray/#/jobs/j1",
        "Grafana": "https://graf",
        "Jupyter": "https://lab",
        "Snowsight service": "https://snow",
    }
    assert {link.target({}, "j1") for link in JOB_LINKS} == {""}
    assert RayJobLink().target(ADDRESSES, "") == ""


def test_a_record_keeps_the_links_of_every_try() -> None:
    store = Store()
    keep(store, 1, {"a": "1a"})
    keep(store, 2, {"a": "2a"})
    keep(store, 2, {"b": "2b"})
    assert of_try(store[KEY], 1) == {"a": "1a"}
    assert of_try(store[KEY], 2) == {"a": "2a", "b": "2b"}
    assert of_try(store[KEY], 3) == {}
    for number in range(3, MAX_TRIES + 3):
        keep(store, number, {"a": str(number)})
    assert (of_try(store[KEY], 2), of_try(store[KEY], MAX_TRIES + 2)) == ({}, {"a": str(MAX_TRIES + 2)})


@pytest.mark.parametrize("record", [None, "x", [], {}, {"tries": 3}, {"__external__": "ref"}])
def test_what_is_no_record_is_told_from_a_try_without_links(record: Any) -> None:
    assert of_try(record, 1) is None
    store = Store({KEY: record})
    keep(store, 1, {"a": "1"})
    assert of_try(store[KEY], 1) == {"a": "1"}


class OwnLink(BaseOperatorLink):
    name = "Own"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return "own"


class OwnOperator(SubmitRayDPJobOperator):
    operator_extra_links = (*JOB_LINKS, OwnLink())


@pytest.mark.parametrize("kind", [SubmitRayDPJobOperator, OwnOperator])
def test_an_operator_fills_what_there_is_and_keeps_it(
    capsys: pytest.CaptureFixture[str], kind: type[SubmitRayDPJobOperator]
) -> None:
    def pages(name: str) -> dict[str, str]:
        raise SnowflakeUnreachableError(f"{name}: no answer")

    pushed, store = {}, Store()  # type: tuple[dict[str, str], Store]
    instance = SimpleNamespace(try_number=3, xcom_push=lambda key, value: pushed.update({key: value}))
    context: Any = {"ti": instance, "task_state_store": store}
    hook: Any = SimpleNamespace(clusters=SimpleNamespace(pages=pages))
    operator = kind(task_id="t", cluster_name="C", application="x.py")
    operator.pre_execute(context)
    assert [link.name for link in operator.operator_extra_links] == ([] if kind is SubmitRayDPJobOperator else ["Own"])
    operator.link_pages(hook, context, "j1", {"dashboard": "https://ray"})
    assert "some links stay empty: C: no answer" in capsys.readouterr().out
    assert pushed == {"_link_RayDashboardLink": "https://ray", "_link_RayJobLink": "https://ray/#/jobs/j1"}
    assert of_try(store[KEY], 3) == pushed
    hook.clusters.pages = lambda name: ADDRESSES
    operator.link_pages(hook, context, "j1")
    assert set(pushed) == {link.xcom_key for link in JOB_LINKS}
    assert of_try(store[KEY], 3) == pushed


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
    import airflow.state
    from airflow.serialization.definitions.operatorlink import XComOperatorLink

    class Backend:
        def get(self, scope: Any, key: str) -> str | None:
            assert (scope.dag_id, scope.run_id, scope.task_id, scope.map_index, key) == ("d", "r", "t", 2, KEY)
            return None if kept is None else json.dumps(kept)

    monkeypatch.setattr(airflow.state, "get_state_backend", Backend)
    monkeypatch.setattr(XComOperatorLink, "get_link", lambda self, operator, *, ti_key: "latest")
    assert LinkOfTry(RayJobLink()).get_link(None, ti_key=TI_KEY) == shown  # type: ignore[arg-type]
