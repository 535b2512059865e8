"""Names and values that no statement may hold as they are: refused, or rendered so that they change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig
from airflow_provider_raydp_spcs.cluster.errors import ClusterConfigError
from airflow_provider_raydp_spcs.cluster.naming import cluster_name, pool_name, service_name
from airflow_provider_raydp_spcs.cluster.target import Target
from airflow_provider_raydp_spcs.spcs import sql, table_loads
from airflow_provider_raydp_spcs.spcs.errors import InvalidIdentifierError, InvalidValueError
from airflow_provider_raydp_spcs.spcs.leases import Leases
from airflow_provider_raydp_spcs.spcs.session import SnowparkSession
from airflow_provider_raydp_spcs.spcs.stages import Stages


class Recorder:
    """A session that remembers what it was given."""

    def __init__(self) -> None:
        self.sql: list[str] = []

    def execute(self, text: str, params: Any = ()) -> list[Any]:
        self.sql.append(text)
        return []


@pytest.mark.parametrize("value", ["a\0", "\ud800", "x\udfffy"])
def test_texts_that_cannot_be_sent(value: str) -> None:
    for render in (sql.text, sql.literal):
        with pytest.raises(InvalidValueError, match="cannot be sent"):
            render(value)
    with pytest.raises(InvalidIdentifierError, match="surrogate"):
        sql.quoted(value)
    with pytest.raises(InvalidValueError, match="cannot be sent"):
        sql.bound("SELECT %s", [value])
    with pytest.raises(InvalidValueError, match="cannot be sent"):
        Leases(Recorder()).acquire("C", value, seconds=60)
    with pytest.raises(ClusterConfigError, match="NUL"):
        HeadConfig(env={"A": value})
    assert sql.text("😀 é") == "😀 é"


@pytest.mark.parametrize(
    ("statement", "values"),
    [("SELECT %s", []), ("SELECT 1", ["a"]), ("SELECT %d", ["a"]), ("SELECT %s %", ["a"]), ("%(a)s", ["a"])],
)
def test_values_must_fit_their_marks(statement: str, values: list[str]) -> None:
    if values or "%s" in statement:
        with pytest.raises(InvalidValueError, match="do not fit the marks"):
            sql.bound(statement, values)
    assert sql.bound("SELECT %s, '%%', %s", ["a", 1]) == ("a", 1)


def test_what_a_name_holds_is_no_mark() -> None:
    """A value that went into a name could end it, for it is rendered for single quotes."""
    query = table_loads.select('"A%s"', ['"B%d"'], "C = %s", is_marked=True)
    assert query % ("'x'",) == """SELECT "B%d" FROM "A%s" WHERE C = 'x'"""
    assert table_loads.select('"A%s"', None, None) == 'SELECT * FROM "A%s"'
    deletion = table_loads.delete('"A%s"', "C = %s", is_marked=True)
    assert deletion % ("'x'",) == """DELETE FROM "A%s" WHERE C = 'x'"""
    assert table_loads.delete('"A%s"') == 'DELETE FROM "A%s"'


def test_snowpark_gets_the_same_marks() -> None:
    sent: list[Any] = []

    class Snowpark:
        def sql(self, text: str, params: Any = None) -> Any:
            sent.append((text, params))
            return self

        def collect(self) -> list[Any]:
            return []

    SnowparkSession(Snowpark()).execute('SELECT "A%%s" WHERE B = %s', ["x"])
    assert sent == [('SELECT "A%s" WHERE B = ?', ["x"])]


@pytest.mark.parametrize("name", ["ſtar", "ﬁrst", "ıx", "ß"])
def test_capitals_of_other_letters_name_no_other_cluster(name: str) -> None:
    for named in (cluster_name, lambda text: service_name(text, "HEAD"), lambda text: pool_name(text, "HEAD")):
        with pytest.raises(InvalidIdentifierError):
            named(name)
    with pytest.raises(InvalidIdentifierError):
        ClusterConfig(name)
    assert cluster_name("star") == "STAR"


@pytest.mark.parametrize("source", ["", "a\0b", "**x", "x" * 5000, ".."])
def test_a_file_of_no_name_is_not_there(tmp_path: Path, source: str) -> None:
    session = Recorder()
    with pytest.raises(InvalidValueError):
        Stages(session).put(tmp_path / "nowhere" / source, "@S")
    assert session.sql == []


@pytest.mark.parametrize("parallel", ["4 OVERWRITE = TRUE", 0, 100, True])
def test_threads_are_a_number(tmp_path: Path, parallel: Any) -> None:
    (tmp_path / "x").write_text("x")
    session = Recorder()
    with pytest.raises(InvalidValueError, match="parallel"):
        Stages(session).put(tmp_path / "x", "@S", parallel=parallel)
    assert session.sql == []


def test_a_download_that_is_refused_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidIdentifierError):
        Stages(Recorder()).get("@S/../x", tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    session = Recorder()
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(InvalidValueError, match="there can be no folder"):
            Stages(session).get("@S/x", folder)
    assert session.sql == []


def test_a_target_that_is_none_is_told() -> None:
    with pytest.raises(ClusterConfigError, match="allowed are ready, suspended, gone"):
        Target("{{ x }}")
