"""What goes between Ray and Spark: which form columns have, how rows are cut into streams, how long these are kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import types

from airflow_provider_raydp_spcs.runtime import held
from airflow_provider_raydp_spcs.runtime.errors import ExchangeError
from airflow_provider_raydp_spcs.runtime.exchange_streams import (
    MIN_STREAM_BYTES,
    Blocks,
    blocks_of,
    common,
    cut,
    in_turn,
)
from airflow_provider_raydp_spcs.runtime.exchange_types import (
    check_for_ray,
    conformed,
    spark_schema_of,
    surely_conforms,
    to_spark_form,
)
from tests.unit.runtime.exchange_tables import NESTED, PLAIN, WIDER, tables

QUIET = settings(deadline=None, derandomize=True)


def read(streams: Iterator[bytes]) -> list[pa.Table]:
    return [pa.ipc.open_stream(stream).read_all() for stream in streams]


@QUIET
@given(tables(PLAIN | WIDER | NESTED), st.integers(1, 5), st.integers(1, 7))
def test_streams_have_the_same_rows_and_values(table: pa.Table, pieces: int, rows_per_batch: int) -> None:
    rows = -(-table.num_rows // pieces)
    blocks = [table.slice(start, rows) for start in range(0, table.num_rows, rows or 1)]
    schema = common([table.schema])
    came = read(cut(blocks, schema, 4, rows_per_batch))
    assert all(each.schema == schema for each in came)
    assert all(batch.num_rows <= rows_per_batch for each in came for batch in each.to_batches())
    assert [row for each in came for row in each.to_pylist()] == table.to_pylist()


@QUIET
@given(tables(PLAIN | WIDER | NESTED))
def test_a_form_is_its_own_form_and_the_one_that_spark_makes_of_its_types(table: pa.Table) -> None:
    from pyspark.sql.pandas.types import to_arrow_schema

    form = to_spark_form(table.schema)
    assert to_spark_form(form) == form
    assert [_plain(field.type) for field in to_arrow_schema(spark_schema_of(form))] == [
        _plain(field.type) for field in form
    ]


def _plain(given: pa.DataType) -> str:
    """A type without the names of what is inside lists and maps, which do not count."""
    return str(given).replace("element: ", "item: ").replace(" not null", "")


@pytest.mark.parametrize(
    ("given", "column", "remedy"),
    [
        (pa.time64("us"), "C", r"cast\(column, pyarrow.string\(\)\)"),
        (pa.decimal256(50, 3), "C", "up to 38 digits"),
        (pa.decimal128(5, -2), "C", "up to 38 digits"),
        (pa.month_day_nano_interval(), "C", "leave the column out"),
        (pa.dense_union([pa.field("a", pa.int8())]), "C", "leave the column out"),
        (pa.run_end_encoded(pa.int16(), pa.int64()), "C", "run_end_decode"),
        (pa.fixed_shape_tensor(pa.int8(), [2]), "C", "map_batches"),
        (pa.list_(pa.time32("s")), r"C\[\]", "cast"),
        (pa.struct([("x", pa.map_(pa.string(), pa.time32("s")))]), "C.x.value", "cast"),
    ],
)
def test_a_type_that_spark_lacks_is_named_with_its_column_and_a_cast(
    given: pa.DataType, column: str, remedy: str
) -> None:
    with pytest.raises(ExchangeError, match=rf"column {column} has the type .*{remedy}"):
        to_spark_form(pa.schema([("ok", pa.int64()), ("C", given)]))


def test_nothing_is_rounded() -> None:
    fine = pa.table({"T": pa.array([1001], pa.timestamp("ns"))})
    with pytest.raises(ExchangeError, match=r"column T has the type timestamp\[ns\] .*floor_temporal"):
        conformed(fine, to_spark_form(fine.schema))
    whole = pa.table({"T": pa.array([1000], pa.timestamp("ns"))})
    moment = conformed(whole, to_spark_form(whole.schema))["T"][0].as_py()
    assert moment == dt.datetime.fromisoformat("1970-01-01T00:00:00.000001")
    large = pa.table({"N": pa.array([2**64 - 1], pa.uint64())})
    assert conformed(large, to_spark_form(large.schema))["N"].to_pylist() == [Decimal(2**64 - 1)]


@QUIET
@given(tables(PLAIN | WIDER | NESTED), tables(PLAIN | WIDER | NESTED))
def test_no_value_is_refused_where_that_is_known_beforehand(table: pa.Table, other: pa.Table) -> None:
    for schema in (to_spark_form(table.schema), to_spark_form(other.schema)):
        if surely_conforms(table.schema, schema):
            assert conformed(table, schema).num_rows == table.num_rows


@pytest.mark.parametrize(
    ("given", "form", "sure"),
    [
        (pa.int64(), pa.int64(), True),
        (pa.null(), pa.string(), True),
        (pa.uint64(), pa.decimal128(20, 0), True),
        (pa.dictionary(pa.int8(), pa.large_string()), pa.string(), True),
        (pa.binary(3), pa.binary(), True),
        (pa.int64(), pa.int32(), False),
        (pa.timestamp("ns"), pa.timestamp("us"), False),
        (pa.timestamp("s"), pa.timestamp("us"), False),
        (pa.decimal256(20, 0), pa.decimal128(20, 0), False),
        (pa.dictionary(pa.int8(), pa.timestamp("ns")), pa.timestamp("us"), False),
        (pa.list_(pa.timestamp("ns")), pa.list_(pa.timestamp("us")), False),
    ],
)
def test_whether_values_may_be_refused(given: pa.DataType, form: pa.DataType, sure: bool) -> None:
    ok = pa.field("ok", pa.string())
    schema = pa.schema([("A", form), ok])
    assert surely_conforms(pa.schema([("A", given)]), schema) is sure
    assert surely_conforms(pa.schema([("A", given), ok]), schema) is sure
    assert not surely_conforms(pa.schema([("A", given), ("more", form)]), schema)


def test_blocks_that_differ() -> None:
    first, second = pa.table({"A": [1], "B": pa.nulls(1)}), pa.table({"B": ["x"]})
    schema = common([first.schema, second.schema])
    assert schema == pa.schema([("A", pa.int64()), ("B", pa.string())])
    rows = [row for each in read(cut([first, second], schema, 1, 10)) for row in each.to_pylist()]
    assert rows == [{"A": 1, "B": None}, {"A": None, "B": "x"}]
    with pytest.raises(ExchangeError, match=r"the blocks do not have the same types.*B"):
        common([second.schema, pa.schema([("B", pa.int64())])])
    with pytest.raises(ExchangeError, match="the column B, which the others do not have"):
        conformed(first, pa.schema([("A", pa.int64())]))


def test_columns_of_the_same_name_and_none_at_all() -> None:
    twice = pa.table([[1], ["x"]], names=["A", "A"])
    assert conformed(twice, to_spark_form(twice.schema)).columns == twice.columns
    none = pa.table({"A": [1, 2, 3]}).select([])
    assert [each.num_rows for each in read(cut([none], common([none.schema]), 1, 10))] == [3]


def test_streams_are_as_many_as_spark_has_slots_and_not_too_small() -> None:
    table = pa.table({"N": range(3 * MIN_STREAM_BYTES // 8)})
    schema = common([table.schema])
    for parts, streams in ((1, 1), (2, 2), (3, 3), (100, 3)):
        assert len(read(cut([table], schema, parts, 10_000))) == streams
    assert read(cut([table.slice(0, 0)], schema, 4, 10_000)) == []


def test_what_is_taken() -> None:
    table = pa.table({"A": [1]})
    assert blocks_of(table) == blocks_of([table]) == Blocks(tables=[table])
    assert blocks_of(pd.DataFrame({"A": [1]}, index=[7])).tables == [table]
    for wrong in ([], "a.parquet", [table, 1], 1, None):
        with pytest.raises(ExchangeError, match="it takes a Ray Dataset"):
            blocks_of(wrong)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("interval", "column C has Spark's type interval, .* CAST"),
        ("interval year to month", "interval year to month"),
        ({"type": "array", "elementType": "interval", "containsNull": True}, r"column C\[\] "),
        ({"type": "udt", "class": "org.apache.spark.ml.linalg.VectorUDT"}, "VectorUDT.*vector_to_array"),
        ({"type": "map", "keyType": "string", "valueType": "interval"}, "column C.value "),
        ({"type": "struct", "fields": [{"name": "x", "type": "interval"}]}, "column C.x "),
    ],
)
def test_a_type_that_ray_lacks_is_named_with_its_column_and_a_cast(given: Any, told: str) -> None:
    with pytest.raises(ExchangeError, match=told):
        check_for_ray({"type": "struct", "fields": [{"name": "C", "type": given}]})


def test_types_that_ray_has() -> None:
    nested = types.ArrayType(types.MapType(types.StringType(), types.DecimalType(38, 3)))
    schema = (
        types.StructType().add("a", nested).add("b", types.DayTimeIntervalType()).add("c", types.TimestampNTZType())
    )
    check_for_ray(schema.jsonValue())


class Jvm:
    """A driver's JVM that has forgotten what is in ``forgotten``.

    :param collects: what it forgets when it is asked to collect.
    """

    def __init__(self, collects: set[str] | None = None) -> None:
        self.forgotten: set[str] = set()
        self._collects = collects or set()
        self.java = self.lang = self.ref = self.System = self

    def WeakReference(self, reader: str) -> Any:  # noqa: N802 - Java's name
        jvm = self

        class Reference:
            def refersTo(self, other: None) -> bool:  # noqa: N802
                return reader in jvm.forgotten

        return Reference()

    def gc(self) -> None:
        self.forgotten |= self._collects


class Context:
    def __init__(self, jvm: Jvm) -> None:
        self._jvm, self._jsc = jvm, object()

    def stop(self) -> None:
        self._jsc = None  # type: ignore[assignment]


def test_objects_are_kept_until_spark_cannot_read_them() -> None:
    jvm = Jvm()
    context: Any = Context(jvm)
    held.hold(context, "one", ["object"], 100)
    held.hold(context, "two", ["object"], 10)
    assert held.let_go() == 110
    jvm.forgotten.add("one")
    assert held.let_go() == 10
    context.stop()
    assert held.let_go() == 0


def test_the_jvm_is_asked_to_forget_when_much_is_held() -> None:
    context: Any = Context(Jvm(collects={"old"}))
    held.hold(context, "old", ["object"], held.COLLECT_BYTES)
    assert held.let_go() == held.COLLECT_BYTES, "not yet: it is no more than the limit"
    held.hold(context, "new", ["object"], 1)
    assert held.let_go() == 1
    context.stop()
    assert held.let_go() == 0


def test_what_a_dataset_was_made_of_is_released_after_it_and_not_in_between() -> None:
    class Plan: ...

    released = []

    def fail() -> None:
        raise RuntimeError("the application has ended")

    first, second = Plan(), Plan()
    held.release_after(first, fail)
    held.release_after(second, lambda: released.append("second"))
    derived = [second]
    del first, second
    held.let_go()
    assert released == []
    derived.clear()
    assert released == [], "only when it is safe to talk to the JVM"
    held.let_go()
    held.let_go()
    assert released == ["second"]


def test_no_more_tasks_are_started_than_half_the_clusters_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    running: set[str] = set()
    most = 0

    def start(number: int) -> list[str]:
        nonlocal most
        running.add(f"end {number}")
        most = max(most, len(running))
        return [f"stream {number}", f"end {number}"]

    def wait(refs: list[str], **_: Any) -> tuple[list[str], list[str]]:
        running.remove(refs[0])
        return refs[:1], refs[1:]

    monkeypatch.setattr(ray, "wait", wait)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 7.0})
    started = list(in_turn([partial(start, number) for number in range(10)]))
    assert [stream for stream, _ in started] == [f"stream {number}" for number in range(10)]
    assert most == 3
