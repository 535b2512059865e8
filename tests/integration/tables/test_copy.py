"""COPY INTO in both directions, and queries of staged files, through the unmodified connector (SPCS reference, part 5)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from snowflake.connector.errors import ProgrammingError

from tests.integration.tables.conftest import Sql

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
QUOTED = "FIELD_OPTIONALLY_ENCLOSED_BY = '\"'"
ROWS = [(0, "n0"), (1, 'a "quoted", one'), (2, None), (3, "two\nlines")]
BAD = "1,a\nx,b\n3,c,d\n4\n5,e\n"


@pytest.fixture
def table(sql: Sql) -> str:
    sql("CREATE OR REPLACE TABLE L (ID INT, NAME VARCHAR)")
    sql.connection.cursor().executemany("INSERT INTO L VALUES (%s, %s)", ROWS)
    return "L"


def put(sql: Sql, folder: Path, name: str, text: str, place: str = "@ST") -> None:
    (folder / name).write_text(text)
    sql(f"PUT file://{folder}/{name} {place} AUTO_COMPRESS = FALSE OVERWRITE = TRUE")


def loaded(sql: Sql, text: str) -> list[tuple[str, str, int]]:
    return [(row[0], row[1], row[3]) for row in sql(text)]


@pytest.mark.parametrize(
    ("form", "header", "match"),
    [
        (f"TYPE = CSV {QUOTED}", "FALSE", "NONE"),
        (f"TYPE = CSV {QUOTED} FIELD_DELIMITER = '\\t' COMPRESSION = NONE", "FALSE", "NONE"),
        (f"TYPE = CSV {QUOTED} PARSE_HEADER = TRUE", "TRUE", "CASE_INSENSITIVE"),
        ("TYPE = PARQUET", "TRUE", "CASE_SENSITIVE"),
    ],
)
def test_what_is_unloaded_can_be_loaded(sql: Sql, stage: str, table: str, form: str, header: str, match: str) -> None:
    written = form.replace("PARSE_HEADER = TRUE", "")
    ((rows, _, size),) = sql(f"COPY INTO {stage}/out/ FROM {table} FILE_FORMAT = ({written}) HEADER = {header}")
    assert (rows, size > 0) == (4, True)
    sql("CREATE OR REPLACE TABLE BACK LIKE L")
    (result,) = sql(f"COPY INTO BACK FROM {stage}/out FILE_FORMAT = ({form}) MATCH_BY_COLUMN_NAME = {match}")
    assert result[1:6] == ("LOADED", 4, 4, 1, 0)
    assert sql("SELECT * FROM BACK ORDER BY ID") == ROWS


def test_unloading_takes_partitions_sizes_single_files_and_overwrite(sql: Sql, stage: str, table: str) -> None:
    parquet = "FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE"
    sql(f"COPY INTO {stage}/pq/ FROM (SELECT ID, NAME, ID % 2 AS K FROM {table}) PARTITION BY ('k=' || K) {parquet}")
    paths = [row[0] for row in sql(f"LIST {stage}/pq")]
    assert [path.split("/")[2] for path in paths] == ["k=0", "k=1"]
    assert all(path.endswith("_0_0_0.snappy.parquet") for path in paths)
    assert sql(f"COPY INTO {stage}/one.csv FROM {table} SINGLE = TRUE FILE_FORMAT = (COMPRESSION = NONE)")[0][0] == 4
    assert [row[0] for row in sql(f"LIST {stage}/one")] == ["st/one.csv"]
    cursor = sql.connection.cursor().execute(
        f"COPY INTO {stage}/many FROM {table} MAX_FILE_SIZE = 1 DETAILED_OUTPUT = TRUE"
    )
    assert [each.name for each in cursor.description] == ["FILE_NAME", "FILE_SIZE", "ROW_COUNT"]
    assert [(row[0], row[2]) for row in cursor.fetchall()] == [(f"many_0_{n}_0.csv.gz", 1) for n in range(4)]
    with pytest.raises(ProgrammingError, match="Files already existing at the unload destination") as caught:
        sql(f"COPY INTO {stage}/many FROM {table}")
    assert caught.value.errno == 1030
    sql(f"COPY INTO {stage}/many FROM {table} OVERWRITE = TRUE")
    for rows in sql(
        f"COPY INTO {stage}/js/x.json FROM (SELECT OBJECT_CONSTRUCT('a', ID) FROM {table}) FILE_FORMAT = (TYPE = JSON)"
    ):
        assert rows[0] == 4


def test_a_file_is_loaded_once_unless_it_changes_or_is_forced(sql: Sql, stage: str, tmp_path: Path) -> None:
    sql("CREATE OR REPLACE TABLE ONCE (A INT)")
    put(sql, tmp_path, "a.csv", "1\n2\n")
    copy = f"COPY INTO ONCE FROM {stage}"
    assert loaded(sql, copy) == [("st/a.csv", "LOADED", 2)]
    assert sql(copy) == [("Copy executed with 0 files processed.",)]
    assert sql(f"{copy} FILES = ('a.csv')")[0][1] == "LOAD_SKIPPED"
    assert loaded(sql, f"{copy} FORCE = TRUE") == [("st/a.csv", "LOADED", 2)]
    put(sql, tmp_path, "a.csv", "3\n")
    assert loaded(sql, copy) == [("st/a.csv", "LOADED", 1)]
    assert sql("SELECT SUM(A) FROM ONCE") == [(9,)]
    sql("TRUNCATE TABLE ONCE")
    assert loaded(sql, f"{copy} PURGE = TRUE") == [("st/a.csv", "LOADED", 1)]
    assert sql(f"LIST {stage}") == []
    with pytest.raises(ProgrammingError, match="was not found"):
        sql(f"{copy} FILES = ('a.csv')")


def test_patterns_and_files_choose(sql: Sql, stage: str, tmp_path: Path) -> None:
    sql("CREATE OR REPLACE TABLE CHOSEN (A INT)")
    for number in range(4):
        put(sql, tmp_path, f"{number}.csv", f"{number}\n", f"{stage}/in")
    assert [row[0] for row in loaded(sql, f"COPY INTO CHOSEN FROM {stage}/in/ PATTERN = '.*[01].csv'")] == [
        "st/in/0.csv",
        "st/in/1.csv",
    ]
    assert loaded(sql, f"COPY INTO CHOSEN FROM {stage}/in FILES = ('3.csv')") == [("st/in/3.csv", "LOADED", 1)]
    assert sql("SELECT * FROM CHOSEN ORDER BY A") == [(0,), (1,), (3,)]


def test_bad_lines_end_it_or_are_left_out(sql: Sql, stage: str, tmp_path: Path) -> None:
    sql("CREATE OR REPLACE TABLE B (ID INT, NAME VARCHAR)")
    put(sql, tmp_path, "bad.csv", BAD)
    put(sql, tmp_path, "good.csv", "7,g\n")
    with pytest.raises(ProgrammingError, match="Numeric value 'x' is not recognized") as caught:
        sql(f"COPY INTO B FROM {stage}")
    assert (caught.value.errno, caught.value.sqlstate) == (100038, "22018")
    assert "File 'st/bad.csv', line 2, character 1" in str(caught.value)
    assert sql("SELECT * FROM B") == [], "all or nothing"
    rows = sql(f"COPY INTO B FROM {stage} ON_ERROR = SKIP_FILE")
    assert [row[:6] for row in rows] == [
        ("st/bad.csv", "LOAD_FAILED", 5, 0, 1, 3),
        ("st/good.csv", "LOADED", 1, 1, 1, 0),
    ]
    assert rows[0][6:] == ("Numeric value 'x' is not recognized", 2, 1, '"B"["ID":1]')
    assert sql(f"COPY INTO B FROM {stage} ON_ERROR = 'SKIP_FILE_3'")[0][1] == "LOAD_FAILED"
    assert sql(f"COPY INTO B FROM {stage} ON_ERROR = CONTINUE")[0][1:6] == ("PARTIALLY_LOADED", 5, 2, 5, 3)
    assert sql("SELECT * FROM B ORDER BY ID") == [(1, "a"), (5, "e"), (7, "g")]
    put(sql, tmp_path, "short.csv", "1,a,b\n")
    with pytest.raises(ProgrammingError, match="does not match that of the corresponding table") as caught:
        sql(f"COPY INTO B FROM {stage}/short.csv")
    assert caught.value.errno == 100080
    for text in ("ON_ERROR = PERHAPS", "FILE_FORMAT = (TYPE = CSV NONSENSE = 1)", "FILE_FORMAT = (TYPE = NOTHING)"):
        with pytest.raises(ProgrammingError) as caught:
            sql(f"COPY INTO B FROM {stage} {text}")
        assert caught.value.errno == 1420
    for text in ("FILE_FORMAT = (TYPE = AVRO)", "VALIDATION_MODE = RETURN_ERRORS"):
        with pytest.raises(ProgrammingError, match="Unsupported feature") as caught:
            sql(f"COPY INTO B FROM {stage} {text}")
        assert (caught.value.errno, caught.value.sqlstate) == (2, "0A000")


def test_a_load_can_be_taken_back(sql: Sql, stage: str, tmp_path: Path) -> None:
    sql("CREATE OR REPLACE TABLE BACK (A INT)")
    put(sql, tmp_path, "a.csv", "1\n")
    sql("BEGIN")
    sql(f"COPY INTO BACK FROM {stage}")
    sql("ROLLBACK")
    assert sql("SELECT * FROM BACK") == []
    assert loaded(sql, f"COPY INTO BACK FROM {stage}") == [("st/a.csv", "LOADED", 1)], "and it is not in the history"


def test_json_is_loaded_whole_or_by_name(sql: Sql, stage: str, tmp_path: Path) -> None:
    put(sql, tmp_path, "a.json", json.dumps([{"id": 1, "name": "x", "deep": {"k": [1]}}, {"ID": 2}]))
    sql("CREATE OR REPLACE TABLE J (V VARIANT)")
    sql(f"COPY INTO J FROM {stage} FILE_FORMAT = (TYPE = JSON STRIP_OUTER_ARRAY = TRUE)")
    assert sql("SELECT V:id::INT, V:deep.k[0]::INT FROM J WHERE V:name = 'x'") == [(1, 1)]
    sql("CREATE OR REPLACE TABLE JN (ID INT, NAME VARCHAR, DEEP VARIANT)")
    sql(
        f"COPY INTO JN FROM {stage} FILE_FORMAT = (TYPE = JSON STRIP_OUTER_ARRAY = TRUE) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    )
    assert {row[1] for row in sql("SELECT ID, NAME FROM JN")} == {"x", None}
    with pytest.raises(ProgrammingError, match="one and only one column of type variant") as caught:
        sql(f"COPY INTO JN FROM {stage} FILE_FORMAT = (TYPE = JSON)")
    assert (caught.value.errno, caught.value.sqlstate) == (2019, "0A000")


def test_a_query_changes_what_is_loaded(sql: Sql, stage: str, tmp_path: Path) -> None:
    put(sql, tmp_path, "a.csv", "1,x\n2,y\n")
    sql("CREATE OR REPLACE TABLE Q (F VARCHAR, N INT, R INT, T VARCHAR)")
    sql(
        f"COPY INTO Q (T, N, F, R) FROM (SELECT UPPER(t.$2), $1::INT * 10, METADATA$FILENAME, METADATA$FILE_ROW_NUMBER FROM {stage} t)"
    )
    assert sql("SELECT * FROM Q ORDER BY N") == [("st/a.csv", 10, 1, "X"), ("st/a.csv", 20, 2, "Y")]


def test_staged_files_are_queried_where_they_are(sql: Sql, stage: str, tmp_path: Path) -> None:
    put(sql, tmp_path, "a.csv", "id,name\n1,x\n2,y\n")
    sql("CREATE OR REPLACE FILE FORMAT FF TYPE = CSV SKIP_HEADER = 1")
    assert sql(f"SELECT $2, $1::INT + 1, $3 FROM {stage}/a.csv (FILE_FORMAT => 'FF') ORDER BY 1") == [
        ("x", 2, None),
        ("y", 3, None),
    ]
    assert sql(f"SELECT COUNT(*) FROM {stage} (FILE_FORMAT => FF, PATTERN => '.*b.csv')") == [(0,)]
    pd.DataFrame({"Id": [1, 2], "d": pd.to_datetime(["2020-01-01", None])}).to_parquet(tmp_path / "a.parquet")
    sql(f"PUT file://{tmp_path}/a.parquet {stage}/pq AUTO_COMPRESS = FALSE")
    sql("CREATE OR REPLACE FILE FORMAT PQ TYPE = PARQUET")
    assert sql(f"SELECT $1:\"Id\"::INT, $1:nothing FROM {stage}/pq (FILE_FORMAT => 'PQ') ORDER BY 1") == [
        (1, None),
        (2, None),
    ]
    found = sql(
        f"SELECT COLUMN_NAME, TYPE FROM TABLE(INFER_SCHEMA(LOCATION => '{stage}/pq', FILE_FORMAT => 'PQ')) ORDER BY ORDER_ID"
    )
    assert found == [("Id", "NUMBER(38, 0)"), ("d", "TIMESTAMP_NTZ")]
    assert sql("SHOW FILE FORMATS LIKE 'PQ'")[0][1] == "PQ"
    assert sql("DROP FILE FORMAT PQ") == [("PQ successfully dropped.",)]
    with pytest.raises(ProgrammingError, match=r"File format '.*PQ' does not exist"):
        sql(f"SELECT $1 FROM {stage}/pq (FILE_FORMAT => 'PQ')")


def test_a_compressed_file_of_any_size(sql: Sql, stage: str, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "big.csv.gz", "wt") as file:
        file.writelines(f"{number},name {number}\n" for number in range(200_000))
    sql(f"PUT file://{tmp_path}/big.csv.gz {stage}")
    sql("CREATE OR REPLACE TABLE BIG (ID INT, NAME VARCHAR)")
    assert loaded(sql, f"COPY INTO BIG FROM {stage}") == [("st/big.csv.gz", "LOADED", 200_000)]
    assert sql("SELECT COUNT(DISTINCT NAME), SUM(ID) FROM BIG") == [(200_000, 200_000 * 199_999 // 2)]
