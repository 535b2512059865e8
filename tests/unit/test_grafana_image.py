"""The image of Grafana, without a Grafana: what it is told, and whether its dashboards can be right."""

from __future__ import annotations

import itertools
import re
import subprocess
from typing import Any

import pytest
import yaml

from airflow_provider_raydp_spcs.cluster import monitoring
from airflow_provider_raydp_spcs.cluster.config import ClusterConfig
from airflow_provider_raydp_spcs.local.services.images import Image, ImageCatalogue
from airflow_provider_raydp_spcs.node.dashboard_proxy import dashboard_environment
from airflow_provider_raydp_spcs.shipped import shipped
from tests.grafana import OWN, dashboards, panels, queries

FOLDER = shipped("images") / "grafana"
FOUND = dashboards()


@pytest.fixture(scope="module")
def image() -> Image:
    found = ImageCatalogue(shipped("images")).find("/d/s/r/grafana:1")
    assert found is not None
    return found


def provisioned(kind: str) -> dict[str, Any]:
    (file,) = (FOLDER / "provisioning" / kind).iterdir()
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    assert found["apiVersion"] == 1
    return found


def test_nobody_comes_in_without_the_header_of_the_ingress(image: Image) -> None:
    told = {name.removeprefix("GF_"): value for name, value in image.env.items()}
    assert told["AUTH_PROXY_ENABLED"] == "true"
    # What the ingress sets, and takes away from who sends it (SPCS reference 4.4).
    assert told["AUTH_PROXY_HEADER_NAME"] == "Sf-Context-Current-User"
    for way in ("AUTH_ANONYMOUS_ENABLED", "AUTH_BASIC_ENABLED", "USERS_ALLOW_SIGN_UP"):
        assert told[way] == "false"
    for closed in ("AUTH_DISABLE_LOGIN_FORM", "SECURITY_DISABLE_INITIAL_ADMIN_CREATION"):
        assert told[closed] == "true"
    assert told["USERS_AUTO_ASSIGN_ORG_ROLE"] == "Viewer"
    assert not [name for name in told if "PASSWORD" in name or "SECRET" in name]


def test_grafana_is_where_the_head_and_the_probe_look_for_it(image: Image) -> None:
    config = ClusterConfig("C", monitoring=True)  # type: ignore[arg-type]
    (container,) = monitoring.grafana(config, "/d/s/r/grafana:1").containers
    path = monitoring.GRAFANA_PATH
    assert image.env["GF_SERVER_ROOT_URL"] == f"{path}/"
    assert image.env["GF_SERVER_SERVE_FROM_SUB_PATH"] == image.env["GF_SECURITY_ALLOW_EMBEDDING"] == "true"
    assert container.readiness_probe is not None
    assert container.readiness_probe.path == f"{path}/api/health"
    assert dashboard_environment(monitoring.head_environment(config))["RAY_GRAFANA_IFRAME_HOST"] == path


def test_the_datasource_is_the_one_that_everybody_asks_for() -> None:
    (source,) = provisioned("datasources")["datasources"]
    config = ClusterConfig("C", monitoring=True)  # type: ignore[arg-type]
    (container,) = monitoring.grafana(config, "/d/s/r/grafana:1").containers
    assert source["url"].removeprefix("$") in container.env
    assert (source["type"], source["isDefault"], source["editable"]) == ("prometheus", True, False)
    assert dashboard_environment(monitoring.head_environment(config))["RAY_PROMETHEUS_NAME"] == source["name"]
    assert "password" not in yaml.safe_dump(source)


def test_dashboards_are_read_from_where_they_are_copied_to(image: Image) -> None:
    (provider,) = provisioned("dashboards")["providers"]
    folder = provider["options"]["path"]
    assert image.files[folder] == FOLDER / "dashboards"
    assert f" {folder}\n" in (FOLDER / "Dockerfile").read_text().partition("COPY --from=dashboards")[2]
    home = image.env["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/{OWN}.json"
    assert image.files["/etc/grafana/provisioning"] == FOLDER / "provisioning"
    assert image.env["GF_PATHS_PROVISIONING"] == "/etc/grafana/provisioning"


def test_without_grafana_it_says_what_to_do() -> None:
    done = subprocess.run(
        ["/bin/sh", FOLDER / "entrypoint.sh"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "build this image from the official one" in done.stderr


def test_rays_dashboards_are_all_there() -> None:
    assert len(FOUND) == 9
    assert len({dashboard["uid"] for dashboard in FOUND.values()}) == len(FOUND)
    # Ray's own page asks for these.
    assert {"rayDefaultDashboard", "rayDataDashboard", "rayTrainDashboard"} <= {each["uid"] for each in FOUND.values()}


@pytest.mark.parametrize("name", FOUND)
def test_a_dashboard_is_whole(name: str) -> None:
    dashboard = FOUND[name]
    assert dashboard["title"]
    assert dashboard["schemaVersion"] >= 16
    found = list(panels(dashboard))
    assert len({panel["id"] for panel in found}) == len(found)
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    for panel in found:
        assert panel["title"]
        if panel["type"] == "row":
            continue
        targets = panel["targets"]
        assert targets, panel["title"]
        assert all(target["expr"].strip() for target in targets)
        assert len({target["refId"] for target in targets}) == len(targets)
        source = panel["datasource"]
        assert (source["uid"] if isinstance(source, dict) else source) == "${datasource}"
    # Every variable is one of the dashboard's or of Grafana's, and every bracket is closed.
    asked = list(queries(name, dashboard, 60))
    assert asked
    for query in asked:
        assert "$" not in query.text, query
        plain = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query.text)
        for opened, closed in ("()", "{}", "[]"):
            assert plain.count(opened) == plain.count(closed), query


def test_our_panels_do_not_cover_each_other() -> None:
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels(FOUND[OWN])
        for x, y in itertools.product(range(panel["gridPos"]["w"]), range(panel["gridPos"]["h"]))
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24


def test_our_dashboard_shows_what_it_is_for() -> None:
    titles = " ".join(panel["title"] for panel in panels(FOUND[OWN])).lower()
    for subject in ("executors", "tasks", "shuffle", "jvm heap", "garbage collection", "object store", "spill"):
        assert subject in titles
