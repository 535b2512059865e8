"""Columns of the data and of the table: which goes where, and what is said where none does."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.matching import chosen, kind_of, match
from airflow_provider_raydp_spcs.spcs.table_loads import TableColumn


def table(**types: str) -> list[TableColumn]:
    return [TableColumn(name, kind) for name, kind in types.items()]


def test_the_same_name_comes_before_one_that_differs_in_case() -> None:
    columns = table(a="NUMBER(9,0)", A="NUMBER(9,0)", Bee="VARCHAR(9)")
    found = match({"A": "int", "a": "int", "BEE": "string"}, columns, "T")
    assert [(each.source, each.column.name) for each in found] == [("A", "A"), ("a", "a"), ("BEE", "Bee")]
    assert chosen(["bee", "a"], found, "keys", "T") == ["Bee", "a"]
    with pytest.raises(TableError, match="keys for T names 'C', which the data does not have; it has A, a, BEE"):
        chosen(["C"], found, "keys", "T")


@pytest.mark.parametrize(
    ("spark", "snowflake", "part"),
    [
        ("boolean", "NUMBER(9,0)", r"cast it: cast\(X as decimal\(38, 0\)\)"),
        ("int", "TIME(9)", r"date_format\(X, 'HH:mm:ss'\)"),
        ("timestamp", "DATE", r"cast\(X as date\)"),
        ("string", "BINARY(8)", r"cast\(X as binary\)"),
        ("array<int>", "NUMBER(9,0)", r"column X has the type array<int>"),
        ("decimal(12,4)", "NUMBER(10,2)", r"would cut digits; round it: cast\(X as decimal\(10, 2\)\)"),
        ("interval day to second", "NUMBER(9,0)", r"which Snowflake has none for; cast it: cast\(X as string\)"),
    ],
)
def test_what_does_not_fit_is_named_with_a_cast(spark: str, snowflake: str, part: str) -> None:
    with pytest.raises(TableError, match=part):
        match({"X": spark}, table(X=snowflake), "T")


@pytest.mark.parametrize(
    ("spark", "snowflake"),
    [
        ("bigint", "NUMBER(38,0)"), ("decimal(10,2)", "NUMBER(38,2)"), ("double", "NUMBER(10,2)"), ("float", "FLOAT"),
        ("string", "VARCHAR(3)"), ("string", "VARIANT"), ("string", "TIME(9)"), ("date", "TIMESTAMP_NTZ(9)"),
        ("timestamp", "TIMESTAMP_TZ(9)"), ("timestamp_ntz", "TIMESTAMP_LTZ(9)"), ("struct<a:int>", "OBJECT"),
        ("void", "GEOGRAPHY"), ("binary", "BINARY(8388608)"), ("int", "VARCHAR(9)"),
    ],
)  # fmt: skip
def test_what_fits(spark: str, snowflake: str) -> None:
    (found,) = match({"x": spark}, table(X=snowflake), "T")
    assert found.column.type == snowflake


def test_columns_that_one_of_them_lacks() -> None:
    with pytest.raises(
        TableError, match=r'the data has a column D and T has none; it has X\. .* ADD COLUMN "D" NUMBER\(10,2\)'
    ):
        match({"D": "decimal(10,2)"}, table(X="DATE"), "T")
    must = [TableColumn("X", "DATE"), TableColumn("ID", "NUMBER(9,0)", nullable=False)]
    with pytest.raises(TableError, match="column ID of T is NOT NULL without a default"):
        match({"X": "date"}, must, "T")
    match({"X": "date"}, [must[0], TableColumn("ID", "NUMBER(9,0)", nullable=False, has_default=True)], "T")
    with pytest.raises(TableError, match="more than one column of the data would go into column X"):
        match({"X": "date", "x": "date"}, table(X="DATE"), "T")


def test_families() -> None:
    found = {
        name: kind_of(name) for name in ("varchar(3)", "void", "map<string,int>", "timestamp_ntz", "interval year")
    }
    assert found == {
        "varchar(3)": "text", "void": "null", "map<string,int>": "nested", "timestamp_ntz": "moment", "interval year": "",
    }  # fmt: skip
