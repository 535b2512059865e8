"""What a Spark session tells Prometheus."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime import metrics
from airflow_provider_raydp_spcs.runtime.drivers import VARIABLE, Driver, alive
from airflow_provider_raydp_spcs.runtime.metrics import Spills, is_monitored, metrics_settings, metrics_shown
from tests.integration.containers import until


def stage(number: int, memory: int, disk: int, attempt: int = 0) -> dict[str, Any]:
    return {
        "stageId": number,
        "attemptId": attempt,
        "memoryBytesSpilled": memory,
        "diskBytesSpilled": disk,
        "name": "x",
    }


def test_what_was_spilled_is_added_up() -> None:
    spills = Spills()
    assert spills.look([]) == {"memory": 0, "disk": 0}
    assert spills.look([stage(1, 100, 10), stage(2, 5, 0)]) == {"memory": 105, "disk": 10}
    # Stage 1 goes on, then Spark forgets it; stage 2 is tried again.
    assert spills.look([stage(1, 150, 15), stage(2, 5, 0)]) == {"memory": 155, "disk": 15}
    assert spills.look([stage(2, 5, 0), stage(2, 7, 1, attempt=1)]) == {"memory": 162, "disk": 16}


@pytest.mark.parametrize(
    ("environment", "monitored"),
    [
        ({}, False),
        ({VARIABLE: "/x"}, False),
        ({"RAYDP_PROMETHEUS": "http://p:9090"}, False),
        ({"RAYDP_PROMETHEUS": "http://p:9090", VARIABLE: "/x"}, True),
    ],
)
def test_metrics_are_told_where_somebody_gathers_them(environment: dict[str, str], monitored: bool) -> None:
    assert is_monitored(environment) is monitored


def test_names_do_not_depend_on_the_application() -> None:
    assert metrics_settings()["spark.metrics.namespace"] == "spark"


class Ui(BaseHTTPRequestHandler):
    """Spark's user interface, which tells of one stage; the first time it is too busy."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        self.send_response(503 if len(self.asked) == 1 else 200)
        self.end_headers()
        self.wfile.write(json.dumps([stage(1, 100, 10)]).encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def ui() -> Iterator[str]:
    Ui.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ui)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class FakeGauge:
    told: dict[tuple[str, str, str], float]

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
        self.name, self.keys = name, tag_keys

    def set(self, value: float, tags: dict[str, str]) -> None:
        assert set(tags) == set(self.keys)
        type(self).told[self.name, tags["app"], tags["kind"]] = value


def test_a_session_is_found_and_tells_what_was_spilled(
    ui: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeGauge.told = {}
    monkeypatch.setattr("ray.util.metrics.Gauge", FakeGauge)
    monkeypatch.setenv("RAYDP_PROMETHEUS", "http://p:9090")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    context = SimpleNamespace(uiWebUrl=f"http://{ui}", appName="mine", applicationId="a-1")
    with metrics_shown(SimpleNamespace(sparkContext=context), every=0.01):  # type: ignore[arg-type]
        assert alive(tmp_path) == [Driver("mine", ui)]
        until(lambda: Ui.asked)  # the first look is in vain
    assert alive(tmp_path) == []
    # At the end it looks once more, so that nothing is left out.
    assert FakeGauge.told == {(metrics.SPILLED, "mine", "memory"): 100, (metrics.SPILLED, "mine", "disk"): 10}
    assert set(Ui.asked) == {"/api/v1/applications/a-1/stages"}


class Unwatched:
    """A session whose user interface is off; anything else would be an error."""

    class sparkContext:  # noqa: N801 - Spark's name
        uiWebUrl = None  # noqa: N815 - Spark's name


def test_without_a_user_interface_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYDP_PROMETHEUS", "http://p:9090")
    monkeypatch.setenv(VARIABLE, "/nowhere")
    monkeypatch.setattr(metrics, "_stages", lambda *_: pytest.fail("nobody may ask"))
    entered = []
    with metrics_shown(Unwatched()):  # type: ignore[arg-type]
        entered.append(True)
    assert entered
