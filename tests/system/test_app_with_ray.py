"""By hand from the form to Ray's own dashboard and back: the app with a real cluster, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from airflow_provider_raydp_spcs.cli.demo.connection import client_of, connect
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from tests.browser import Album, opened_browser
from tests.integration.app.serving import served_app

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
NAME = "CLICKED"
READY = re.compile("Ready.*owner")
"""The line with the cluster's own state, not with those of its containers."""
READY_MILLISECONDS = 180_000
"""Ray starts on a machine that has other things to do."""


@pytest.fixture(scope="module")
def clusters(local_snowflake: dict[str, str]) -> Iterator[Clusters]:
    with connect(local_snowflake) as connection:
        made = Clusters(client_of(connection))
        yield made
        made.delete(NAME)


@pytest.fixture(scope="module")
def app_url(local_snowflake: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_app(local_snowflake, tmp_path_factory.mktemp("app") / "app.log") as url:
        yield url


def test_a_real_cluster_by_hand(
    app_url: str, clusters: Clusters, local_snowflake: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    album = Album(tmp_path_factory.mktemp("screenshots"))
    with opened_browser() as pages:
        page = pages.open(1100, 1000)
        page.goto(f"{app_url}/?new={{}}")
        for label, text in {"Name": NAME, "Nodes of group 1": "1"}.items():
            page.get_by_label(label, exact=True).fill(text)
            page.get_by_label(label, exact=True).press("Tab")
        page.get_by_role("button", name="Create cluster").click()
        try:
            expect(page.get_by_text(READY)).to_be_visible(timeout=READY_MILLISECONDS)
        except AssertionError:
            album.take(page, "real-cluster-not-ready")
            pytest.fail("\n".join(["it did not become ready", *clusters.last_words(NAME, lines=100)]))
        album.take(page, "real-cluster-ready")

        with page.expect_popup() as opened:
            page.get_by_role("link", name="Ray dashboard").click()
        look_at_the_dashboard(opened.value, local_snowflake, album, "ray-dashboard")
        phone = pages.open(390, 844, dark=True)
        phone.goto(f"{app_url}/?cluster={NAME}")
        expect(phone.get_by_text(READY)).to_be_visible()
        album.take(phone, "real-cluster-on-a-dark-phone")
        with phone.expect_popup() as opened:
            phone.get_by_role("link", name="Ray dashboard").click()
        look_at_the_dashboard(opened.value, local_snowflake, album, "ray-dashboard-on-a-dark-phone")

        page.get_by_text("Show the log").click()
        expect(page.get_by_text(re.compile("ray", re.IGNORECASE)).last).to_be_visible()
        album.take(page, "log-of-the-head")
        page.get_by_role("button", name="Delete …").click()
        page.get_by_label(f"Type {NAME} to confirm").fill(NAME)
        page.get_by_label(f"Type {NAME} to confirm").press("Tab")
        page.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_text("Nothing of it is left.")).to_be_visible(timeout=60_000)


def look_at_the_dashboard(page: Page, environment: dict[str, str], album: Album, name: str) -> None:
    """Sign in, and see the worker that the cluster has."""
    expect(page).to_have_title("Sign in to the local Snowflake")
    album.take(page, f"sign-in-to-{name}")
    page.get_by_label("Password").fill(environment["SNOWFLAKE_PASSWORD"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_title(re.compile("Ray Dashboard$"))  # the page puts its own name before it when it is there
    expect(page.get_by_text("1.0 worker")).to_be_visible()
    album.take(page, name)
