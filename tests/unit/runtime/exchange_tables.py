"""Arrow tables of all kinds, for property tests of the exchange between Ray and Spark."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
_YEARS = {"min_value": dt.datetime.fromisoformat("1700-01-01"), "max_value": dt.datetime.fromisoformat("2200-01-01")}
_ZONED = st.datetimes(**_YEARS, timezones=st.just(dt.UTC))


def _digits(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    # By its digits: a context of the decimal module would round to 28 of them.
    return st.integers(-most, most).map(
        lambda number: Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))
    )


PLAIN: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-(2**7), 2**7 - 1),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.decimal128(10, 2): _digits(10, 2),
    pa.decimal128(38, 0): _digits(38, 0),
    pa.decimal128(38, 38): _digits(38, 38),
    pa.string(): _TEXT,
    pa.large_string(): _TEXT,
    pa.binary(): st.binary(max_size=8),
    pa.date32(): st.dates(dt.date(1700, 1, 1), dt.date(2200, 1, 1)),
    pa.timestamp("us"): st.datetimes(**_YEARS),
    pa.timestamp("us", "UTC"): _ZONED,
    pa.timestamp("ms", "Europe/Berlin"): _ZONED.map(lambda moment: moment.replace(microsecond=0)),
}
"""What RayDP's own ``to_spark`` takes too."""
WIDER: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.uint8(): st.integers(0, 2**8 - 1),
    pa.uint16(): st.integers(0, 2**16 - 1),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float16(): st.floats(width=16, allow_nan=False),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["a", "ü", ""]),
}
NESTED: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.list_(pa.int32()): st.lists(st.none() | PLAIN[pa.int32()], max_size=3),
    pa.struct([("a", pa.int64()), ("b", pa.string())]): st.fixed_dictionaries(
        {"a": st.none() | PLAIN[pa.int64()], "b": st.none() | _TEXT}
    ),
    pa.list_(pa.struct([("t", pa.timestamp("us", "UTC"))])): st.lists(
        st.fixed_dictionaries({"t": st.none() | _ZONED}), max_size=2
    ),
    pa.map_(pa.string(), pa.decimal128(10, 2)): st.dictionaries(_TEXT, st.none() | _digits(10, 2), max_size=2).map(
        lambda found: list(found.items())
    ),
}
"""Apart from the plain ones, since the way of RayDP goes through pandas and changes some of them."""
_COLUMNS = ("a", "B", "with space", "ü", "a.b", "select", '"q"')


@st.composite
def tables(
    draw: st.DrawFn, kinds: dict[pa.DataType, st.SearchStrategy[Any]], *, every: bool = False, max_rows: int = 20
) -> pa.Table:
    """Some columns of these types, NULLs among the values.

    :param every: one column of each type instead.
    """
    known = sorted(kinds, key=str)
    types = known if every else draw(st.lists(st.sampled_from(known), min_size=1, max_size=5))
    rows = draw(st.integers(0, max_rows))
    arrays = [pa.array(draw(st.lists(st.none() | kinds[each], min_size=rows, max_size=rows)), each) for each in types]
    names = [*_COLUMNS, *(f"column {number}" for number in range(len(known)))]
    return pa.table(arrays, names=names[: len(types)])
