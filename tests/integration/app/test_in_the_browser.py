"""The app in a real browser, over clusters that are ready at once: from the form to the deletion."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.cluster.stepwise import creation_steps
from tests.browser import Album, Pages, opened_browser
from tests.integration.app.looks import is_dark, nameless, sideways

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
NAME, HALF, POOR = "BY_HAND", "HALF_MADE", "POOR"
PHONE = (390, 844)


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with opened_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(pages: Pages, app_url: str) -> Page:
    opened = pages.open(1100, 1000)
    opened.goto(app_url)
    return opened


@pytest.fixture(scope="module")
def other(pages: Pages) -> Page:
    """Somebody else, on a phone, in the dark."""
    return pages.open(*PHONE, dark=True)


@pytest.fixture(scope="module", autouse=True)
def nothing_left(clusters: Clusters) -> Iterator[None]:
    yield
    for name in (NAME, HALF, POOR):
        clusters.delete(name)


def button(page: Page, name: str) -> Locator:
    # Older versions of Streamlit have the icon's word before the name.
    return page.get_by_role("button", name=re.compile(rf"(^|\s){re.escape(name)}$"))


def fill(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")


def state(page: Page, word: str) -> Locator:
    """The line with the cluster's own state, not with those of its containers."""
    return page.locator("p", has_text=re.compile(f"{word}.*owner"))


def test_from_the_form_to_a_cluster(page: Page, album: Album, app_url: str) -> None:
    expect(page.get_by_text("There is no cluster yet")).to_be_visible()
    album.take(page, "no-cluster-yet")
    button(page, "New cluster").click()
    fill(page, "Name", "1ST")
    expect(page.get_by_text("is no plain Snowflake identifier")).to_be_visible()
    album.take(page, "what-is-wrong-at-its-field")
    fill(page, "Name", NAME)
    expect(page.get_by_text("is no plain Snowflake identifier")).to_have_count(0)
    fill(page, "Nodes of group 1", "1")
    button(page, "Add a worker group").click()
    family = page.get_by_label("Instance family of group 2")
    family.click()
    family.fill("HIGHMEM_X64_S")
    page.get_by_role("option", name="HIGHMEM_X64_S ·").click()
    expect(page.get_by_text("0.28 credits")).to_be_visible()
    page.get_by_text("Notebook: Jupyter Lab on the head").click()
    page.get_by_text("What will be sent to Snowflake").click()
    expect(page.get_by_text(re.compile(f"CREATE COMPUTE POOL IF NOT EXISTS {NAME}_HEAD_POOL"))).to_be_visible()
    album.take(page, "what-will-be-sent")
    button(page, "Create cluster").click()
    expect(page).to_have_url(re.compile(rf"\?cluster={NAME}"))
    page.reload()  # in the middle
    going_on = button(page, "Continue creating")
    expect(going_on.or_(state(page, "Starting")).or_(state(page, "Ready")).first).to_be_visible()
    if going_on.is_visible():
        going_on.click()
    expect(state(page, "Ready")).to_be_visible()
    expect(page).to_have_url(f"{app_url}/?cluster={NAME}")
    album.take(page, "ready")


def test_its_pages_open_through_the_sign_in(page: Page, album: Album, light_snowflake: dict[str, str]) -> None:
    for name, shown in {
        "Ray dashboard": "dashboard",
        "Notebook": "notebook",
        "show the token": "a-token-to-paste",
    }.items():
        with page.expect_popup() as opened:
            page.get_by_role("link", name=name).click()
        there = opened.value
        if name == "Ray dashboard" or there.get_by_label("Password").is_visible():
            there.get_by_label("Password").fill(light_snowflake["SNOWFLAKE_PASSWORD"])
            there.get_by_role("button", name="Sign in").click()
        expect(there.locator("body")).to_have_text(shown)
        there.close()
    expect(page.get_by_role("link", name="Snowsight")).to_have_attribute("href", re.compile(f"/service/{NAME}_HEAD$"))


def test_logs_of_a_container(page: Page, album: Album) -> None:
    page.get_by_text("Show the log").click()
    expect(page.get_by_text(f"light container of {NAME} is up")).to_be_visible()
    button(page, "Read it again").scroll_into_view_if_needed()
    album.take(page, "logs")


def test_two_browsers_see_the_same_cluster(page: Page, other: Page, album: Album, app_url: str) -> None:
    other.goto(app_url)
    expect(other.get_by_text("owner RAYDP · expires in 8 hours")).to_be_visible()
    album.take(other, "list-on-a-dark-phone")
    button(other, f"Open {NAME}").click()
    expect(other.get_by_role("heading", name=NAME)).to_be_visible()
    expect(state(other, "Ready")).to_be_visible()
    fill(page, "Nodes", "2")
    button(page, "Scale").click()
    for each in (page, other):
        expect(each.get_by_text("2 of 2 instances")).to_be_visible()
    expect(state(page, "Ready")).to_be_visible()


def test_asleep_and_awake(page: Page, other: Page, album: Album) -> None:
    button(other, "Suspend").click()
    for each in (page, other):
        expect(state(each, "Suspended")).to_be_visible()
    album.take(page, "suspended")
    button(page, "Resume").click()
    for each in (page, other):
        expect(state(each, "Ready")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "address", [lambda: "", lambda: "?new={}", lambda: f"?cluster={NAME}"], ids=["list", "form", "cluster"]
)
def test_every_page_fits_a_phone(
    pages: Pages, album: Album, app_url: str, address: Callable[[], str], dark: bool
) -> None:
    phone = pages.open(*PHONE, dark=dark)
    phone.goto(f"{app_url}/{address()}")
    expect(phone.get_by_role("button", name=re.compile("Open|Create cluster|Delete …")).last).to_be_visible()
    assert sideways(phone) == []
    assert nameless(phone) == []
    assert is_dark(phone) is dark
    where = address().strip("?").partition("=")[0] or "list"
    album.take(phone, f"{where}-{'dark' if dark else 'light'}-phone")
    phone.get_by_role("button", name=re.compile("Open|Create cluster|Delete …")).last.scroll_into_view_if_needed()
    album.take(phone, f"{where}-{'dark' if dark else 'light'}-phone-end")
    phone.context.close()


def test_deleting_takes_the_name_and_is_seen_everywhere(page: Page, other: Page, album: Album) -> None:
    button(page, "Delete …").click()
    fill(page, f"Type {NAME} to confirm", "BY_HEAD")
    button(page, "Delete for good").click()
    expect(page.get_by_text("That is not the cluster's name")).to_be_visible()
    album.take(page, "delete-asks-for-the-name")
    fill(page, f"Type {NAME} to confirm", NAME)
    button(page, "Delete for good").click()
    expect(page.get_by_text(f"Cluster {NAME} is deleted. Nothing of it is left.")).to_be_visible()
    album.take(page, "deleted")
    expect(other.get_by_text(f"There is no cluster {NAME} here")).to_be_visible()


def test_what_a_closed_browser_left_is_gone_on_with(page: Page, clusters: Clusters, album: Album, app_url: str) -> None:
    for step in creation_steps(clusters, ClusterConfig(HALF, worker_groups=[WorkerGroup(count=1)]))[:3]:
        step()
    page.goto(app_url)
    button(page, f"Open {HALF}").click()
    expect(page.get_by_text("This cluster is not complete")).to_be_visible()
    album.take(page, "half-made")
    button(page, "Continue creating").click()
    expect(page.get_by_label("Nodes of group 1")).to_have_value("1")
    button(page, "Create cluster").click()
    expect(state(page, "Ready")).to_be_visible()


def test_without_a_privilege_it_says_what_to_grant(
    page: Page, album: Album, app_url: str, light_snowflake: dict[str, str]
) -> None:
    grant = "GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE RAYDP_SIS_ROLE;"
    with connect(light_snowflake, role="ACCOUNTADMIN") as administrator:
        administrator.cursor().execute("REVOKE CREATE COMPUTE POOL ON ACCOUNT FROM ROLE RAYDP_SIS_ROLE")
        page.goto(f'{app_url}/?new={{"name": "{POOR}"}}')
        button(page, "Create cluster").click()
        expect(page.get_by_text("The app's role lacks a privilege.")).to_be_visible()
        expect(page.get_by_text(grant)).to_be_visible()
        album.take(page, "what-to-grant")
        administrator.cursor().execute(grant)
    button(page, "Continue creating").click()
    expect(state(page, "Ready")).to_be_visible()
