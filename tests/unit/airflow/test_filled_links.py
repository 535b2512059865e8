"""The links of the tasks: each to what it names, per try, while the task runs."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.jobs.errors import JobFailedError
from airflow_provider_raydp_spcs.links.raydp import (
    CLUSTER_LINKS,
    JOB_LINKS,
    SNOWSIGHT,
    GrafanaLink,
    JupyterLink,
    RayDashboardLink,
    RayDPLink,
    RayJobLink,
    SnowsightLink,
)
from airflow_provider_raydp_spcs.links.tries import KEY, of_try
from airflow_provider_raydp_spcs.operators.create_cluster import CreateRayDPClusterOperator
from airflow_provider_raydp_spcs.operators.submit_job import SubmitRayDPJobOperator
from airflow_provider_raydp_spcs.spcs.errors import SnowflakeUnreachableError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from tests.unit.airflow.fakes import Airflow, FakeHead, FakeSnowflake

ADDRESSES = {
    "dashboard": "https://ray.example", "grafana": "https://grafana.example", "notebook": "https://notebook.example",
    SNOWSIGHT: "https://app.snowflake.com/org/acc",
}  # fmt: skip
TARGETS = {
    RayDashboardLink: "https://ray.example",
    RayJobLink: "https://ray.example/#/jobs/raydp-1",
    GrafanaLink: "https://grafana.example",
    JupyterLink: "https://notebook.example",
    SnowsightLink: "https://app.snowflake.com/org/acc",
}
PAGE = "https://app.snowflake.com/org/acc/#/data/databases/D/schemas/S/service/C_HEAD"


def keys(kept: dict[tuple[str, str], Any]) -> dict[str, Any]:
    return {key: value for (task, key), value in kept.items() if task == "task" and key.startswith("_link_")}


@pytest.mark.parametrize("kind", TARGETS)
def test_each_leads_to_what_it_names(kind: type[RayDPLink]) -> None:
    assert kind().target(ADDRESSES, "raydp-1") == TARGETS[kind]
    assert kind().target({}, "raydp-1") == ""


def test_a_job_has_no_page_before_it_has_a_name() -> None:
    assert RayJobLink().target(ADDRESSES, "") == ""
    assert RayJobLink not in {type(link) for link in CLUSTER_LINKS}


def test_names_and_keys_are_the_links_own() -> None:
    assert len({link.name for link in JOB_LINKS}) == len({link.xcom_key for link in JOB_LINKS}) == len(JOB_LINKS)


def test_a_creation_fills_its_links(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    cluster = {"monitoring": True, "notebook": True}
    CreateRayDPClusterOperator(task_id="task", cluster_name="c", cluster=cluster).execute(airflow.context())
    assert keys(airflow.xcoms) == {
        "_link_RayDashboardLink": f"https://{snowflake.services.host}",
        "_link_GrafanaLink": "https://grafana.example",
        "_link_JupyterLink": "https://notebook.example",
        "_link_SnowsightLink": PAGE,
    }


def test_a_cluster_that_comes_up_has_links_already(snowflake: FakeSnowflake, airflow: Airflow) -> None:
    def comes_up() -> None:
        # The dashboard has no address yet.
        assert set(keys(airflow.xcoms)) == {"_link_SnowsightLink", "_link_JupyterLink"}
        snowflake.services.host = "h.example"
        snowflake.services.become(ServiceStatus.RUNNING)

    snowflake.services.come_up, snowflake.services.host, snowflake.on_sleep = ServiceStatus.PENDING, None, comes_up
    create, context = CreateRayDPClusterOperator(task_id="task", cluster_name="c"), airflow.context()
    create.pre_execute(context)
    create.execute(context)
    assert of_try(airflow.store.get(KEY), 1) == keys(airflow.xcoms)
    assert keys(airflow.xcoms)["_link_RayDashboardLink"] == "https://h.example"


class TestOfAJob:
    @pytest.fixture
    def submit(self, application: str, head: FakeHead) -> SubmitRayDPJobOperator:
        return SubmitRayDPJobOperator(task_id="task", cluster_name="c", application=application, poll_interval=0.01)

    def test_everything_is_linked_while_the_job_runs(
        self, submit: Any, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow
    ) -> None:
        snowflake.services.there.clear()
        snowflake.compute_pools.there.clear()
        snowflake.make("C", monitoring=True)
        seen: list[dict[str, Any]] = []
        say = submit.say
        submit.say = lambda line: (seen.append(keys(airflow.xcoms)) if line == "first line" else None, say(line))
        submit.execute(airflow.context())
        ((name, _),) = head.jobs.items()
        assert seen == [
            {
                "_link_RayDashboardLink": f"https://{head.host}",
                "_link_RayJobLink": f"https://{head.host}/#/jobs/{name}",
                "_link_GrafanaLink": "https://grafana.example",
                "_link_JupyterLink": "https://notebook.example",
                "_link_SnowsightLink": PAGE,
            }
        ]

    def test_another_try_of_a_failed_job_links_its_own_job(self, submit: Any, head: FakeHead, airflow: Airflow) -> None:
        found = []
        for code in (1, 0):
            head.will(("FAILED" if code else "SUCCEEDED", ""), exit_code=code)
            airflow.xcoms.clear()  # as Airflow does before each try
            with pytest.raises(JobFailedError) if code else nullcontext():
                submit.execute(airflow.context())
            found.append(keys(airflow.xcoms)["_link_RayJobLink"].rpartition("/")[2])
            assert of_try(airflow.store.get(KEY), len(found)) == keys(airflow.xcoms)
        assert found == list(head.jobs)
        first = of_try(airflow.store.get(KEY), 1) or {}
        assert first["_link_RayJobLink"].endswith(f"/{found[0]}"), "the record keeps it"

    def test_links_that_cannot_be_had_cost_no_job(
        self, submit: Any, head: FakeHead, snowflake: FakeSnowflake, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def silent(*given: Any, **values: Any) -> Any:
            raise SnowflakeUnreachableError("no")

        monkeypatch.setattr(snowflake.services, "show", silent)
        submit.execute(airflow.context())
        assert [job.status for job in head.jobs.values()] == ["SUCCEEDED"]
        assert set(keys(airflow.xcoms)) == {"_link_RayDashboardLink", "_link_RayJobLink", "_link_JupyterLink"}


def test_what_was_kept_for_the_task_is_what_airflow_shows(kept: dict[Any, Any]) -> None:
    key = SimpleNamespace(dag_id="dag", task_id="task", run_id="run", map_index=3, try_number=2)
    link: Any = SnowsightLink()
    assert link.get_link(None, ti_key=key) == ""
    kept[link.xcom_key, "dag", "task", "run", 3] = PAGE
    assert link.get_link(None, ti_key=key) == PAGE
