"""What a Spark session tells Prometheus."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_raydp_spcs.runtime import metrics
from airflow_provider_raydp_spcs.runtime.drivers import VARIABLE
from airflow_provider_raydp_spcs.runtime.metrics import Spills, is_monitored, metrics_settings, metrics_shown


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
