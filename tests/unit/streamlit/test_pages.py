"""The app's pages: what they show and what they ask Snowflake for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from airflow_provider_raydp_spcs.cluster.comment import ClusterComment
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.client import SpcsClient
from airflow_provider_raydp_spcs.spcs.errors import AuthenticationError, InsufficientPrivilegesError
from airflow_provider_raydp_spcs.spcs.service_info import ServiceStatus
from airflow_provider_raydp_spcs.streamlit import making, navigation, pages
from tests.unit.cluster.fakes import FakeClient
from tests.unit.streamlit.conftest import App

Open = Callable[..., App]
CONFIG = ClusterConfig("DEMO", worker_groups=[WorkerGroup(count=1)])


def a_cluster(client: FakeClient, status: ServiceStatus = ServiceStatus.RUNNING) -> None:
    Clusters(client).create(CONFIG, owner="daily_etl")  # type: ignore[arg-type]
    client.services.become(status)
    client.calls.clear()


def test_no_cluster_yet_is_told(open_app: Open) -> None:
    app = open_app()
    assert "There is no cluster yet" in app.texts()
    assert app.labels() == ["New cluster"]


def test_the_list_has_owner_state_nodes_and_expiry(open_app: Open, client: FakeClient) -> None:
    a_cluster(client)
    app = open_app()
    for told in ("DEMO", "Ready", "owner daily\\_etl", "no expiry", "2 × CPU\\_X64\\_S"):
        assert told in app.texts()
    app.press("Open DEMO")
    assert app.page.query_params["cluster"] == "DEMO"
    assert app.page.title[0].value == "DEMO"


def test_many_clusters_can_be_searched(open_app: Open, client: FakeClient) -> None:
    for number in range(8):
        Clusters(client).create(ClusterConfig(f"C{number}"), owner="odd" if number % 2 else "even")  # type: ignore[arg-type]
    app = open_app()
    app.page.text_input[0].set_value("odd")
    app.look()
    assert [label for label in app.labels() if label.startswith("Open")] == [f"Open C{n}" for n in (1, 3, 5, 7)]


def test_a_cluster_is_created_from_the_form(open_app: Open, client: FakeClient) -> None:
    app = open_app()
    app.press("New cluster")
    app.page.text_input(key="form_name").set_value("demo")
    app.page.toggle(key="form_notebook").set_value(True)
    app.press("Add a worker group")
    app.page.text_input(key="form_group_1_name").set_value("gpu")
    app.page.selectbox(key="form_group_1_instance_family").set_value("GPU_NV_S")
    app.look()
    assert "4 nodes, about **0.57 credits** an hour without CPU\\_X64\\_S, whose rate is not published" in app.texts()
    assert "CREATE SERVICE IF NOT EXISTS D.S.DEMO_HEAD" in app.page.code[0].value
    assert client.calls == [], "a preview sends nothing"
    app.press("Create cluster")
    assert app.page.query_params["cluster"] == "DEMO"
    groups = ("HEAD", "WORKER", "GPU")
    made = [call for call in client.calls if not call.startswith("describe")]
    assert made == [f"create pool DEMO_{group}_POOL" for group in groups] + [
        f"create service DEMO_{group}" for group in groups
    ]
    assert "Starting" in app.texts()
    assert "new" not in app.page.query_params, "what was asked for is there"
    comment = ClusterComment.read(client.services.there["DEMO_HEAD"].comment)
    assert comment is not None
    assert comment.owner == "ALICE"
    assert comment.expires, "the form's eight hours"


def test_what_is_wrong_stands_at_its_field(open_app: Open, client: FakeClient) -> None:
    app = open_app(new="{}")
    assert not app.page.error, "an empty form is not wrong yet"
    app.press("Create cluster")
    assert "Give the cluster a name" in app.texts()
    app.page.text_input(key="form_name").set_value("1x")
    app.page.text_input(key="form_warehouse").set_value("a b")
    app.page.text_input(key="form_group_0_name").set_value("head")
    app.look()
    told = [each.value for each in app.page.error]
    assert [text.split(" ")[0] for text in told[:3]] == ["Cluster", "A", "Warehouse"]
    assert "3 fields above need a change first" in told[-1]
    app.press("Create cluster")
    assert client.calls == []


def test_the_name_of_a_cluster_that_is_there_is_refused(open_app: Open, client: FakeClient) -> None:
    a_cluster(client)
    app = open_app(new='{"name": "DEMO"}')
    app.press("Create cluster")
    assert "There is a cluster of this name already" in app.texts()
    assert client.calls == []


def test_a_failed_step_offers_to_go_on_and_to_take_back(open_app: Open, client: FakeClient) -> None:
    client.compute_pools.fail_on = "DEMO_WORKER_POOL"
    app = open_app(new='{"name": "DEMO"}')
    app.press("Create cluster")
    assert "Snowflake has no such node to give now" in app.texts()
    calls = list(client.calls)
    app.look()
    assert client.calls == calls, "it waits for a word"
    client.compute_pools.fail_on = ""
    app.press("Continue creating")
    assert set(client.services.there) == {"DEMO_HEAD", "DEMO_WORKER"}
    assert client.calls.count("create pool DEMO_HEAD_POOL") == 1


def test_what_another_browser_left_half_way_is_gone_on_with(open_app: Open, client: FakeClient) -> None:
    steps = making.creation_steps(Clusters(client), CONFIG, owner="bob")  # type: ignore[arg-type]
    for step in steps[:3]:
        step()
    app = open_app(cluster="DEMO", new=navigation.to_text(CONFIG))
    assert "This cluster is not complete" in app.texts()
    assert len(client.calls) == 3, "an address alone asks for nothing"
    app.press("Continue creating")
    assert set(client.services.there) == {"DEMO_HEAD", "DEMO_WORKER"}
    assert "This cluster is not complete" not in app.texts()


def test_a_page_left_before_anything_was_made(open_app: Open, client: FakeClient) -> None:
    app = open_app(cluster="DEMO", new=navigation.to_text(CONFIG))
    assert "Nothing of cluster DEMO is made yet" in app.texts()
    app.press("Back to the form")
    assert app.page.text_input(key="form_name").value == "DEMO"
    app = open_app(cluster="DEMO", new=navigation.to_text(CONFIG))
    app.press("Continue creating")
    assert set(client.services.there) == {"DEMO_HEAD", "DEMO_WORKER"}


def test_without_the_address_the_form_is_filled_with_what_is_there(open_app: Open, client: FakeClient) -> None:
    config = ClusterConfig("DEMO", HeadConfig("CPU_X64_M"), [WorkerGroup("GPU_NV_S", name="gpu", count=3)])
    making.creation_steps(Clusters(client), config)[0]()  # type: ignore[arg-type]
    making.creation_steps(Clusters(client), config)[1]()  # type: ignore[arg-type]
    app = open_app(cluster="DEMO")
    app.press("Continue creating")
    assert app.page.text_input(key="form_name").value == "DEMO"
    assert app.page.selectbox(key="form_head_family").value == "CPU_X64_M"
    assert app.page.text_input(key="form_group_0_name").value == "gpu"
    assert app.page.number_input(key="form_group_0_count").value == 3


def test_what_is_half_way_can_be_taken_back(open_app: Open, client: FakeClient) -> None:
    for step in making.creation_steps(Clusters(client), CONFIG)[:3]:  # type: ignore[arg-type]
        step()
    app = open_app(cluster="DEMO")
    app.press("Take back: delete what is there")
    app.look()
    app.look()
    assert (client.services.there, client.compute_pools.there) == ({}, {})
    assert "Cluster DEMO is deleted" in app.texts()


def test_deleting_asks_for_the_name_and_never_waits(open_app: Open, client: FakeClient) -> None:
    a_cluster(client)
    app = open_app(cluster="DEMO")
    app.press("Delete …")
    app.page.text_input(key="delete_name").set_value("DEM")
    app.press("Delete for good")
    assert client.calls == []
    assert "That is not the cluster's name" in app.texts()
    app.page.text_input(key="delete_name").set_value("demo")
    app.press("Delete for good")
    for _ in range(3):
        app.look()
    assert (client.services.there, client.compute_pools.there) == ({}, {})
    assert client.calls.index("drop service DEMO_WORKER") < client.calls.index("drop pool DEMO_HEAD_POOL")
    assert "Cluster DEMO is deleted" in app.texts()


def test_scale_suspend_and_resume(open_app: Open, client: FakeClient) -> None:
    a_cluster(client)
    app = open_app(cluster="DEMO")
    app.page.number_input[0].set_value(3)
    app.look()
    app.press("Scale")
    assert client.services.there["DEMO_WORKER"].target_instances == 3
    app.press("Suspend")
    assert "Resume" in app.labels()
    assert "Suspend" not in app.labels()
    assert all(each.status is ServiceStatus.SUSPENDED for each in client.services.there.values())
    app.press("Resume")
    assert "resume service DEMO_HEAD" in client.calls


def test_a_cluster_shows_its_containers_addresses_and_logs(open_app: Open, client: FakeClient) -> None:
    a_cluster(client)
    app = open_app(cluster="demo")
    assert "raydp, instance 0: Waiting to start" in app.texts()
    links = {each.proto.label: each.proto.url for each in app.page.get("link_button")}
    assert links == {
        "Ray dashboard": "https://h.example",
        "Snowsight": "https://app.snowflake.com/my%20org/acct/#/data/databases/D/schemas/S/service/DEMO_HEAD",
    }
    app.page.toggle(key="logs_shown").set_value(True)
    app.look()
    assert app.page.code[-1].value == "hello"


def test_a_failure_is_told_in_snowflakes_words(open_app: Open, client: FakeClient) -> None:
    a_cluster(client, ServiceStatus.FAILED)
    app = open_app(cluster="DEMO")
    assert "It will not come up: service DEMO\\_HEAD is FAILED\\: Waiting to start" in app.texts()


def test_what_stands_in_the_way_is_told_with_the_next_step(open_app: Open, client: FakeClient) -> None:
    a_cluster(client, ServiceStatus.PENDING)
    client.services.container = replace(
        client.services.container, message="Unschedulable due to insufficient CPU resources."
    )
    app = open_app(cluster="DEMO")
    (told,) = [each.value for each in app.page.warning if "WORKER" in each.value]
    assert "No node of compute pool DEMO\\_WORKER\\_POOL" in told
    assert "take a larger instance family" in told


def test_no_such_cluster(open_app: Open) -> None:
    assert "There is no cluster NOWHERE here" in open_app(cluster="nowhere").texts()


def test_an_address_with_nonsense_is_an_empty_form(open_app: Open) -> None:
    app = open_app(new='{"name": "X", "colour": "red"}')
    assert "The address holds no configuration that can be read" in app.texts()
    assert app.page.text_input(key="form_name").value == ""


class Refusing:
    """A session whose role may look and nothing more."""

    def execute(self, sql: str, params: object = ()) -> list[dict[str, object]]:
        del params
        if sql.startswith("SELECT CURRENT_ROLE"):
            return [{"r": "GUEST"}]
        if sql.startswith("SELECT CURRENT_DATABASE"):
            return [{"d": "D", "s": "S"}]
        if sql.startswith("SELECT CURRENT_USER"):
            return [{"u": "GUY", "r": "GUEST"}]
        if sql.startswith("SHOW"):
            return []
        raise InsufficientPrivilegesError("Insufficient privileges to operate on account 'ACCT'", 3001, "42501")


def test_without_privileges_the_app_says_what_to_grant(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "open_client", lambda outside: SpcsClient(Refusing()))
    app = open_app(new='{"name": "DEMO"}')
    app.press("Create cluster")
    assert "The app's role lacks a privilege." in app.texts()
    assert app.page.code[0].value == "GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE GUEST;"
    assert "Back to the form" in app.labels()


def test_errors_are_words_and_never_tracebacks(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: Exception) -> None:
        def open_client(outside: object) -> None:
            raise error

        monkeypatch.setattr(pages, "open_client", open_client)

    refuse(AuthenticationError("Session no longer exists.", 390111))
    assert "Reload the page and sign in again" in open_app().texts()
    refuse(ZeroDivisionError("secret inside"))
    told = open_app().texts()
    assert "Something unexpected happened (ZeroDivisionError)" in told
    assert "secret inside" not in told
