"""Stages through the unmodified connector (SPCS reference, part 5)."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import httpx
import pytest
from snowflake.connector.errors import ProgrammingError

from airflow_provider_raydp_spcs.cli.demo.connection import connect
from tests.integration.tables.conftest import Sql

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"part {number}.csv").write_text(f"{number},n{number}\n")
    return tmp_path


def names(sql: Sql, location: str, more: str = "") -> list[str]:
    return [row[0] for row in sql(f"LIST {location} {more}")]


def test_put_takes_globs_quotes_and_compression(sql: Sql, stage: str, folder: Path) -> None:
    rows = sql(f"PUT 'file://{folder}/part*.csv' '{stage}/in'")
    assert [(row[0], row[1], row[4], row[5], row[6]) for row in rows] == [
        (f"part {number}.csv", f"part {number}.csv.gz", "NONE", "GZIP", "UPLOADED") for number in range(3)
    ]
    assert [row[6] for row in sql(f"PUT 'file://{folder}/part ?.csv' {stage}/in")] == ["SKIPPED"] * 3
    (folder / "part 0.csv").write_text("changed\n")
    assert sql(f"PUT 'file://{folder}/part 0.csv' {stage}/in OVERWRITE = TRUE PARALLEL = 8")[0][6] == "UPLOADED"
    assert sql(f"PUT 'file://{folder}/part 1.csv' {stage} AUTO_COMPRESS = FALSE")[0][1] == "part 1.csv"
    with gzip.open(folder / "z.csv.gz", "wt") as file:
        file.write("z\n")
    assert sql(f"PUT file://{folder}/z.csv.gz {stage}")[0][4:7] == ("GZIP", "GZIP", "UPLOADED")
    assert names(sql, stage) == [
        *(f"st/in/part {number}.csv.gz" for number in range(3)),
        "st/part 1.csv",
        "st/z.csv.gz",
    ]
    down = folder / "down"
    down.mkdir()
    assert [row[2] for row in sql(f"GET {stage}/in 'file://{down}/' PATTERN = '.*part 0.*'")] == ["DOWNLOADED"]
    assert gzip.decompress((down / "part 0.csv.gz").read_bytes()) == b"changed\n"


def test_list_and_remove_take_paths_and_patterns(sql: Sql, stage: str, folder: Path) -> None:
    sql(f"PUT 'file://{folder}/part*.csv' {stage}/a/b AUTO_COMPRESS = FALSE")
    sql(f"PUT 'file://{folder}/part*.csv' {stage}/ab AUTO_COMPRESS = FALSE")
    assert len(names(sql, f"{stage}/a")) == 6, "a path is a prefix"
    assert len(names(sql, f"{stage}/a/")) == 3
    assert names(sql, stage, "PATTERN = '.*[12].csv'") == [
        f"st/{each}/part {n}.csv" for each in ("a/b", "ab") for n in (1, 2)
    ]
    assert sql(f"REMOVE {stage}/a PATTERN = 'ab/.*0.csv'") == [("st/ab/part 0.csv", "removed")]
    assert len(sql(f"RM {stage}/a/b")) == 3
    assert sql(f"REMOVE {stage}/nothing") == []
    with pytest.raises(ProgrammingError, match="Invalid pattern"):
        sql(f"LIST {stage} PATTERN = '('")


def test_files_are_copied_between_stages(sql: Sql, stage: str, folder: Path) -> None:
    sql(f"PUT 'file://{folder}/part*.csv' {stage}/in AUTO_COMPRESS = FALSE")
    sql("CREATE OR REPLACE STAGE OTHER")
    assert sql(f"COPY FILES INTO @OTHER/x/ FROM {stage}/in/ PATTERN = '.*[01].csv'") == [
        ("x/part 0.csv",),
        ("x/part 1.csv",),
    ]
    assert sql(f"COPY FILES INTO @OTHER FROM {stage} FILES = ('in/part 2.csv') DETAILED_OUTPUT = FALSE") == [(1,)]
    assert names(sql, "@OTHER") == ["other/in/part 2.csv", "other/x/part 0.csv", "other/x/part 1.csv"]


def test_presigned_addresses_open_one_file_for_a_while(
    sql: Sql, stage: str, folder: Path, environment: dict[str, str]
) -> None:
    sql(f"PUT 'file://{folder}/part*.csv' {stage}/in AUTO_COMPRESS = FALSE")

    def fetch(address: str) -> httpx.Response:
        return httpx.get(address, verify=environment["SSL_CERT_FILE"])

    ((address,),) = sql(f"SELECT GET_PRESIGNED_URL({stage}, 'in/part 1.csv')")
    assert fetch(address).text == "1,n1\n"
    assert fetch(address.replace("part%201", "part%202")).status_code == 403, "it is for that file alone"
    assert httpx.put(address, content=b"x", verify=environment["SSL_CERT_FILE"]).status_code == 403
    ((short,),) = sql(f"SELECT GET_PRESIGNED_URL({stage}, 'in/part 1.csv', 1)")
    time.sleep(1.1)
    assert fetch(short).status_code == 403
    with pytest.raises(ProgrammingError, match="604800"):
        sql(f"SELECT GET_PRESIGNED_URL({stage}, 'x', 604801)")
    with pytest.raises(ProgrammingError, match="leads out of the stage"):
        sql(f"SELECT GET_PRESIGNED_URL({stage}, '../../x')")
    sql("ALTER STAGE ST REFRESH")
    rows = sql(
        f"SELECT RELATIVE_PATH, GET_PRESIGNED_URL({stage}, RELATIVE_PATH, 60) FROM DIRECTORY({stage}) ORDER BY 1"
    )
    assert [fetch(row[1]).text for row in rows] == [f"{number},n{number}\n" for number in range(3)]


def test_a_directory_table_knows_what_was_there_when_it_was_refreshed(sql: Sql, stage: str, folder: Path) -> None:
    assert sql(f"SELECT * FROM DIRECTORY({stage})") == []
    sql(f"PUT 'file://{folder}/part 0.csv' {stage} AUTO_COMPRESS = FALSE")
    assert sql("ALTER STAGE ST REFRESH") == [("part 0.csv", "REGISTERED_NEW", "File registered successfully.")]
    (folder / "part 0.csv").write_text("other\n")
    sql(f"PUT 'file://{folder}/part 0.csv' {stage} AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
    assert sql(f"SELECT SIZE FROM DIRECTORY({stage})") == [(5,)]
    assert sql("ALTER STAGE ST REFRESH")[0][1] == "REGISTERED_UPDATE"
    cursor = sql.connection.cursor().execute(f"SELECT * FROM DIRECTORY({stage})")
    assert [each.name for each in cursor.description] == [
        "RELATIVE_PATH",
        "SIZE",
        "LAST_MODIFIED",
        "MD5",
        "ETAG",
        "FILE_URL",
    ]
    assert cursor.fetchone()[:2] == ("part 0.csv", 6)
    sql(f"REMOVE {stage}")
    assert sql("ALTER STAGE ST REFRESH")[0][1] == "UNREGISTERED"
    sql("ALTER STAGE ST SET DIRECTORY = (ENABLE = FALSE)")
    with pytest.raises(ProgrammingError, match="not enabled"):
        sql(f"SELECT * FROM DIRECTORY({stage})")


def test_stages_are_described_changed_and_dropped(sql: Sql, stage: str, folder: Path) -> None:
    sql(f"PUT 'file://{folder}/part 0.csv' {stage}")
    cursor = sql.connection.cursor().execute("DESC STAGE ST")
    columns = ["parent_property", "property", "property_type", "property_value", "property_default"]
    assert [each.name for each in cursor.description] == columns
    assert ("DIRECTORY", "ENABLE", "Boolean", "true", "false") in cursor.fetchall()
    sql("ALTER STAGE ST SET COMMENT = 'mine' FILE_FORMAT = (TYPE = JSON)")
    assert ("STAGE_FILE_FORMAT", "TYPE", "String", "JSON", "CSV") in sql("DESCRIBE STAGE ST")
    sql("DROP STAGE IF EXISTS RENAMED")
    sql("ALTER STAGE ST RENAME TO RENAMED")
    assert names(sql, "@RENAMED") == ["renamed/part 0.csv.gz"]
    assert sql("ALTER STAGE IF EXISTS ST SET COMMENT = 'x'") == [("Statement executed successfully.",)]
    assert sql("DROP STAGE RENAMED") == [("RENAMED successfully dropped.",)]
    for text in ("LIST @RENAMED", "DESC STAGE RENAMED", "DROP STAGE RENAMED", "ALTER STAGE RENAMED REFRESH"):
        with pytest.raises(ProgrammingError, match="does not exist or not authorized") as caught:
            sql(text)
        assert (caught.value.errno, caught.value.sqlstate) == (2003, "02000")


def test_users_and_tables_have_stages_of_their_own(sql: Sql, folder: Path) -> None:
    sql("CREATE OR REPLACE TABLE OWN (A INT, B VARCHAR)")
    for place in ("@~/x", "@%OWN"):
        sql(f"PUT 'file://{folder}/part 1.csv' '{place}' AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
        assert [name.endswith("part 1.csv") for name in names(sql, place)] == [True]
    assert sql("COPY INTO OWN FROM @%OWN")[0][1] == "LOADED"
    assert sql("SELECT * FROM OWN") == [(1, "n1")]
    assert sql("REMOVE @~/x") == [("x/part 1.csv", "removed")]


def test_what_is_temporary_ends_with_its_session(sql: Sql, environment: dict[str, str]) -> None:
    with connect(environment) as connection:
        for text in (
            "CREATE TEMPORARY STAGE PASSING",
            "CREATE TEMP FILE FORMAT PASSING TYPE = JSON",
            "CREATE TEMP TABLE PASSING (A INT)",
        ):
            connection.cursor().execute(text)
        assert connection.cursor().execute("LIST @PASSING").fetchall() == []
    assert sql("SHOW FILE FORMATS LIKE 'PASSING'") == []
    for text in ("LIST @PASSING", "SELECT * FROM PASSING"):
        with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
            sql(text)
