"""What FLIGHTS_DAILY must hold, computed by DuckDB straight from the CSV files."""

from __future__ import annotations

import datetime as dt
import math
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import duckdb

from airflow_provider_raydp_spcs.local.sample_data import data_folder

QUERY = """
WITH weather AS (
  SELECT origin, time_hour, min(visib) AS visib FROM read_csv('{folder}/weather.csv', nullstr='NA') GROUP BY ALL
), f AS (
  SELECT fl.*, a.name, p.seats, w.visib FROM read_csv('{flights}', nullstr='NA') fl
  LEFT JOIN read_csv('{folder}/airlines.csv') a USING (carrier)
  LEFT JOIN read_csv('{folder}/planes.csv', nullstr='NA') p USING (tailnum)
  LEFT JOIN weather w ON w.origin = fl.origin AND w.time_hour = fl.time_hour
  WHERE fl.year = {year} AND fl.month = {month} AND fl.day = {day}
)
SELECT DATE '{date}' AS flight_date, carrier, name AS carrier_name, origin,
  count(*) AS flights, count(*) FILTER (dep_time IS NULL) AS cancellations,
  avg(dep_delay) AS dep_delay_mean, quantile_cont(dep_delay, 0.5) AS dep_delay_median,
  quantile_cont(dep_delay, 0.95) AS dep_delay_p95,
  avg(arr_delay) AS arr_delay_mean, quantile_cont(arr_delay, 0.5) AS arr_delay_median,
  quantile_cont(arr_delay, 0.95) AS arr_delay_p95,
  avg(CASE WHEN dep_delay > 15 THEN 1.0 ELSE 0.0 END) FILTER (dep_time IS NOT NULL AND visib < 5)
    AS bad_visibility_delayed_share,
  coalesce(sum(seats) FILTER (dep_time IS NOT NULL), 0) AS seats_flown
FROM f GROUP BY carrier, name, origin
"""


@cache
def flights_file() -> Path:
    folder = Path(mkdtemp(prefix="flights-"))
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)
    return folder / "flights.csv"


def expected_rows(day: dt.date) -> list[dict[str, Any]]:
    query = QUERY.format(
        folder=data_folder(), flights=flights_file(), year=day.year, month=day.month, day=day.day, date=day
    )
    relation = duckdb.connect().sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def assert_rows_equal(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> None:
    """Value by value; only the last digits of fractions may differ."""

    def by_key(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(row["carrier"], row["origin"]): row for row in rows}

    left, right = by_key(found), by_key(expected)
    assert left.keys() == right.keys()
    assert len(left) == len(found)
    for key, row in right.items():
        for column, value in row.items():
            other = left[key][column]
            if value is None or other is None or isinstance(value, str):
                assert other == value, (key, column)
            elif isinstance(value, dt.date):
                assert str(other) == str(value), (key, column)
            else:
                assert math.isclose(float(other), float(value), rel_tol=1e-9, abs_tol=1e-9), (key, column)
