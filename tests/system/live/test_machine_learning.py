"""The machine-learning example with its full million of rows, judged by what the table itself says."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.lifecycle import Clusters
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from dags.jobs.samples_generate import FEATURES, PART_ROWS, samples
from tests.system.live.real_airflow import RealAirflow

pytestmark = [pytest.mark.system, pytest.mark.timeout(1300)]
DAG, RUN, ROWS = "machine_learning", "million", 1_000_000
# The law by which labels were drawn. Nobody can order or tell the samples better than by it.
LOG_ODDS = "1.2 * F01 - 0.9 * F02 + 0.8 * F03 * F04 + 0.7 * (F05 * F05 - 1) + 0.6 * SIGN(F06) + 0.4 * SIGN(F07)"
SAMPLING_ERROR = 0.005
"""More than four standard deviations of AUC and accuracy over the 200,000 samples of the evaluation."""


@pytest.fixture(scope="module")
def session(connection: Any) -> ConnectorSession:
    return ConnectorSession(connection)


@pytest.fixture(scope="module")
def run(airflow: RealAirflow) -> str:
    airflow.trigger(DAG, RUN)
    state = airflow.wait_run(DAG, RUN, 1200)
    failed = [name for name, task in airflow.tasks(DAG, RUN).items() if task["state"] == "failed"]
    assert state == "success", "\n".join(line for name in failed for line in [name, *airflow.log(DAG, RUN, name)])
    return RUN


def one(session: ConnectorSession, sql: str) -> dict[str, Any]:
    (row,) = session.execute(sql)
    return row


def auc(session: ConnectorSession, score: str) -> float:
    """How often a sample with label 1 has the higher score of two: from the places of those samples in order."""
    places = f"SELECT LABEL, ROW_NUMBER() OVER (ORDER BY {score}) AS PLACE FROM ML_SAMPLES"
    found = one(session, f"SELECT SUM(PLACE) AS PLACES, COUNT(*) AS N FROM ({places}) WHERE LABEL = 1")
    ones, places_of_ones = int(found["n"]), int(found["places"])
    return (places_of_ones - ones * (ones + 1) / 2) / (ones * (ROWS - ones))


def test_the_table_holds_the_seeded_million(session: ConnectorSession, run: str) -> None:
    del run
    columns = [row["name"] for row in session.execute("DESCRIBE TABLE ML_SAMPLES")]
    assert columns == [*FEATURES, "LABEL"]
    assert len(FEATURES) == 20
    edges = ", ".join(f"MIN({name}) AS LOW_{name}, MAX({name}) AS HIGH_{name}" for name in FEATURES)
    found = one(session, f"SELECT COUNT(*) AS N, SUM(LABEL) AS ONES, {edges} FROM ML_SAMPLES")
    parts = [samples(part, PART_ROWS) for part in range(ROWS // PART_ROWS)]
    assert int(found["n"]) == ROWS
    assert int(found["ones"]) == sum(int(part["LABEL"].sum()) for part in parts)
    for name in FEATURES:
        assert found[f"low_{name.lower()}"] == min(part[name].min() for part in parts), name
        assert found[f"high_{name.lower()}"] == max(part[name].max() for part in parts), name


def test_the_forest_is_better_than_any_feature_and_no_better_than_the_law(
    airflow: RealAirflow, session: ConnectorSession, run: str
) -> None:
    assert airflow.xcom(DAG, run, "spark.generate") == {"rows": ROWS}
    result = airflow.xcom(DAG, run, "spark.train")
    assert set(result) == {"rows", "auc", "accuracy"}
    assert result["rows"] == ROWS
    by_law = one(
        session,
        f"SELECT AVG(CASE WHEN ({LOG_ODDS} > 0) = (LABEL = 1) THEN 1.0 ELSE 0.0 END) AS RIGHT_ANSWERS, "
        f"AVG(1 / (1 + EXP(-({LOG_ODDS})))) AS EXPECTED_ONES, AVG(LABEL) AS ONES FROM ML_SAMPLES",
    )
    ones = float(by_law["ones"])
    assert abs(ones - float(by_law["expected_ones"])) < SAMPLING_ERROR
    best = max(abs(auc(session, name) - 0.5) for name in FEATURES) + 0.5
    assert best + 0.05 < result["auc"] < auc(session, LOG_ODDS) + SAMPLING_ERROR
    assert max(ones, 1 - ones) + 0.05 < result["accuracy"] < float(by_law["right_answers"]) + SAMPLING_ERROR


def test_nothing_is_left(session: ConnectorSession, clusters: Clusters, run: str) -> None:
    del run
    assert clusters.find("MACHINE_LEARNING").services == ()
    assert clusters.pools("MACHINE_LEARNING") == []
    assert session.execute("SHOW STAGES LIKE 'RAYDP_WRITE%'") == []
    assert session.execute("LIST @RAYDP_ARTIFACTS PATTERN = '.*[.]parquet'") == []


@pytest.mark.parametrize("rows", [999, 100_000_001, "many", None])
def test_a_wrong_number_of_rows_is_refused_before_anything_starts(airflow: RealAirflow, run: str, rows: Any) -> None:
    del run
    with pytest.raises(AssertionError, match="rows"):
        airflow.trigger(DAG, f"wrong-{rows}", rows=rows)
