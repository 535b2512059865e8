"""The Airflow UI in a real browser: links open what they name while the job runs, each try has its own, no secret shows."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.jobs.client import RayJobsClient
from airflow_provider_raydp_spcs.jobs.submission import HeadAddress, JobStatus
from airflow_provider_raydp_spcs.spcs.ingress import session_tokens
from tests.browser import Album, opened_page
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
DAG, RUN, JOB, CLUSTER = "browsed", "looked_at", "run_job", "BROWSED"
CANARY = f"canary-{secrets.token_hex(8)}"
SNOWSIGHT = (
    "https://app.snowflake.com/localorg/local/#/data/databases/RAYDP_SIS_DB/schemas/RAYDP_SIS_CORE_SCHEMA"
    f"/service/{CLUSTER}_HEAD"
)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with opened_page() as opened:
        yield opened


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    return Album(tmp_path_factory.mktemp("screenshots"))


@pytest.fixture(scope="module")
def released(connection: Any) -> Iterator[Any]:
    """A function that lets the job's second try come to its end."""

    def release() -> None:
        connection.cursor().execute("INSERT INTO RELEASED VALUES (1)")

    connection.cursor().execute("CREATE OR REPLACE TABLE RELEASED (NUMBER INT)")
    yield release
    release()


@pytest.fixture(scope="module")
def dashboard(page: Page, airflow: RealAirflow, clusters: Clusters, released: Any) -> Iterator[str]:
    """A run whose job failed in its first try and runs in its second; answers the dashboard's address."""
    airflow.trigger(DAG, RUN, canary=CANARY)
    try:
        airflow.wait(lambda: "this is try 2" in "".join(airflow.log(DAG, RUN, JOB, 2)), 180, "there is no second try")
        yield clusters.head_endpoints(CLUSTER)["dashboard"]
    finally:
        clusters.delete(CLUSTER)


@pytest.fixture(scope="module")
def jobs(dashboard: str, clusters: Clusters, connection: Any, local_snowflake: dict[str, str]) -> dict[str, str]:
    """Try → id of its job."""
    address = HeadAddress(dashboard, clusters.head_endpoints(CLUSTER)["job-files"])
    bundle = local_snowflake["SSL_CERT_FILE"]
    with RayJobsClient(address, tokens=session_tokens(connection), ca_bundle=bundle) as ray:
        found = {job.metadata["try_number"]: job for job in ray.jobs()}
    assert {number: job.status for number, job in found.items()} == {"1": JobStatus.FAILED, "2": JobStatus.RUNNING}
    return {number: job.submission_id for number, job in found.items()}


def links(airflow: RealAirflow, task: str, **query: Any) -> dict[str, str | None]:
    found: dict[str, str | None] = airflow.ask("GET", f"{api(task)}/links", **query)["extra_links"]
    return found


def api(task: str) -> str:
    return f"/api/v2/dags/{DAG}/dagRuns/{RUN}/taskInstances/{task}"


def visit(page: Page, airflow: RealAirflow, task: str, tab: str = "") -> None:
    page.goto(f"{airflow.url}/dags/{DAG}/runs/{RUN}/tasks/{task}{tab}")


def follow(page: Page, name: str) -> Page:
    """Click a link of the task; answer what it opens."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name=name, exact=True).click()
    return opened.value


def test_links_open_what_they_name_while_the_job_runs(
    page: Page,
    album: Album,
    airflow: RealAirflow,
    dashboard: str,
    jobs: dict[str, str],
    local_snowflake: dict[str, str],
) -> None:
    visit(page, airflow, JOB)
    expect(page.get_by_text("this is try 2; signing in with ***")).to_be_visible()
    album.take(page, "log-while-it-runs")
    page.get_by_role("link", name="Details", exact=True).click()
    for name, target in {
        "Ray dashboard": dashboard,
        "Ray job": f"{dashboard}/#/jobs/{jobs['2']}",
        "Snowsight service": SNOWSIGHT,
    }.items():
        expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("href", target)
    for name in ("Grafana", "Jupyter"):
        expect(page.get_by_text(name, exact=True)).to_have_count(0)
    album.take(page, "links-while-it-runs")

    job = follow(page, "Ray job")
    expect(job).to_have_title("Sign in to the local Snowflake")
    album.take(job, "sign-in")
    job.get_by_label("Password").fill(local_snowflake["SNOWFLAKE_PASSWORD"])
    job.get_by_role("button", name="Sign in").click()
    expect(job).to_have_url(f"{dashboard}/#/jobs/{jobs['2']}")
    expect(job.get_by_text(jobs["2"]).first).to_be_visible()
    expect(job.get_by_text("RUNNING").first).to_be_visible()
    expect(job.get_by_text("this is try 2").first).to_be_visible()
    album.take(job, "ray-job")

    cluster = follow(page, "Ray dashboard")
    expect(cluster).to_have_title(re.compile("Ray Dashboard$"))
    expect(cluster.get_by_text(jobs["2"]).first).to_be_visible()
    expect(cluster.get_by_text("0.0/1.0 worker")).to_be_visible()
    album.take(cluster, "ray-dashboard")


def test_each_try_has_its_own_links(
    page: Page, album: Album, airflow: RealAirflow, dashboard: str, jobs: dict[str, str]
) -> None:
    for number in ("1", "2"):
        found = links(airflow, JOB, try_number=number)
        assert found["Ray job"] == f"{dashboard}/#/jobs/{jobs[number]}"
        assert found["Snowsight service"] == SNOWSIGHT
    visit(page, airflow, JOB, "/details?try_number=1")
    link = page.get_by_role("link", name="Ray job", exact=True)
    expect(link).to_have_attribute("href", f"{dashboard}/#/jobs/{jobs['1']}")
    album.take(page, "links-of-the-first-try")
    job = follow(page, "Ray job")
    expect(job.get_by_text("FAILED").first).to_be_visible()
    expect(job.get_by_text("the first try fails").first).to_be_visible()
    album.take(job, "ray-job-of-the-first-try")


def test_nothing_shows_a_secret(
    page: Page, album: Album, airflow: RealAirflow, jobs: dict[str, str], released: Any, local_snowflake: dict[str, str]
) -> None:
    released()
    assert airflow.wait_run(DAG, RUN, 300) == "success", airflow.tasks(DAG, RUN)
    secret = re.compile("|".join(map(re.escape, (local_snowflake["SNOWFLAKE_PASSWORD"], CANARY, "Snowflake Token="))))
    tasks = airflow.tasks(DAG, RUN)
    assert set(tasks) == {"create_cluster", JOB, "export_logs", "delete_cluster"}
    for name, task in tasks.items():
        assert task["rendered_fields"]["cluster_name"] == CLUSTER
        told = {"task": task, "xcoms": xcoms(airflow, name), "kept": airflow.ask("GET", f"{api(name)}/state-store")}
        assert "" not in told["xcoms"].values(), "a link that leads nowhere is not there"
        for attempt in range(1, task["try_number"] + 1):
            told[f"log {attempt}"] = airflow.log(DAG, RUN, name, attempt)
        for what, value in told.items():
            assert not secret.search(json.dumps(value)), f"{what} of {name}"
    assert tasks[JOB]["rendered_fields"]["runtime_env"] == {"env_vars": {"CANARY_TOKEN": "***", "SIGN_IN": "***"}}
    assert "this is try 2; signing in with ***" in airflow.log(DAG, RUN, JOB, 2)

    for task, tab, shown in (
        ("create_cluster", "/rendered_templates", "worker_groups"),
        ("create_cluster", "/xcom", "_link_RayDashboardLink"),
        (JOB, "", "released"),
        (JOB, "/rendered_templates", "CANARY_TOKEN"),
        (JOB, "/xcom", "raydp_job"),
        (JOB, "/task-state-store", "raydp_links"),
        ("export_logs", "/rendered_templates", "RAYDPLOGS"),
        ("delete_cluster", "/rendered_templates", CLUSTER),
    ):
        visit(page, airflow, task, tab)
        found = page.get_by_text(shown).first
        found.wait_for()
        # The page renders itself anew meanwhile, so the element is looked up once more, and not waited for to stand still.
        found.evaluate("element => element.scrollIntoView({block: 'center'})")
        album.take(page, f"{task}{tab.replace('/', '-') or '-log'}")
        assert not secret.search(page.inner_text("body")), f"{task}{tab}"


def xcoms(airflow: RealAirflow, task: str) -> dict[str, Any]:
    keys = [each["key"] for each in airflow.ask("GET", f"{api(task)}/xcomEntries", limit=100)["xcom_entries"]]
    return {key: airflow.xcom(DAG, RUN, task, key) for key in keys}
