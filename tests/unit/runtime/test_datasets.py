"""Batches of a result as Snowflake sends them, in one schema; and the files that are staged."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from snowflake.connector.arrow_context import ArrowConverterContext
from snowflake.connector.constants import FIELD_NAME_TO_ID
from snowflake.connector.cursor import ResultMetadataV2
from snowflake.connector.result_batch import ArrowResultBatch, RemoteChunkInfo
from snowflake.connector.session_manager import SessionManagerFactory

from airflow_provider_raydp_spcs.runtime import datasets
from airflow_provider_raydp_spcs.runtime.datasets import fetch_part, write_parquet
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.runtime.exchange_streams import as_table
from airflow_provider_raydp_spcs.runtime.fetching import ResultParts, fetch_batch
from airflow_provider_raydp_spcs.runtime.types import arrow_names, arrow_schema

FIXED = FIELD_NAME_TO_ID["FIXED"]
COLUMNS = [
    ResultMetadataV2("N", FIXED, True, precision=38, scale=0),
    ResultMetadataV2("MONEY", FIXED, True, precision=10, scale=2),
    ResultMetadataV2("NAME", FIELD_NAME_TO_ID["TEXT"], True),
]
SCHEMA = arrow_schema(COLUMNS)
CONTEXT = ArrowConverterContext({"TIMEZONE": "Etc/UTC"})


def wire(numbers: pa.Array, cents: pa.Array, names: list[str | None]) -> bytes:
    """A batch as it travels: whole numbers as narrow as they allow, decimals as such numbers with a scale beside them."""
    kinds = [("N", numbers, "FIXED", "38", "0"), ("MONEY", cents, "FIXED", "10", "2"), ("NAME", pa.array(names, pa.string()), "TEXT", "0", "0")]  # fmt: skip
    fields = [
        pa.field(name, array.type, metadata={"logicalType": kind, "precision": precision, "scale": scale, "charLength": "0"})
        for name, array, kind, precision, scale in kinds
    ]  # fmt: skip
    table = pa.Table.from_arrays([array for _, array, *_ in kinds], schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


NARROW = wire(pa.array([1, None], pa.int8()), pa.array([1234, -1], pa.int16()), ["漢", None])
WIDE = wire(pa.array([2**40], pa.int64()), pa.array([2**31 + 5], pa.int64()), [""])


@pytest.fixture
def storage() -> Iterator[str]:
    """Serves the wide batch, as the storage does to which Snowflake's answer points."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["x-key"] == "secret" else 403)
            self.send_header("Content-Length", str(len(WIDE)))
            self.end_headers()
            self.wfile.write(WIDE)

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/results/1"
    server.shutdown()
    server.server_close()


def inline(data: bytes, rows: int) -> ArrowResultBatch:
    return ArrowResultBatch.from_data(b64encode(data).decode(), rows, CONTEXT, False, False, COLUMNS, True)


def test_batches_of_other_widths_get_one_schema_wherever_they_are_fetched(storage: str) -> None:
    remote = ArrowResultBatch(
        1, {"x-key": "secret"}, RemoteChunkInfo(storage, len(WIDE), len(WIDE)), CONTEXT,
        False, False, COLUMNS, True, SessionManagerFactory.get_manager(),
    )  # fmt: skip
    tables = [fetch_batch(pickle.loads(pickle.dumps(batch)), SCHEMA) for batch in (inline(NARROW, 2), remote)]
    assert [table.schema for table in tables] == [SCHEMA, SCHEMA]
    assert pa.concat_tables(tables).to_pydict() == {
        "N": [1, None, 2**40],
        "MONEY": [Decimal("12.34"), Decimal("-0.01"), Decimal("21474836.53")],
        "NAME": ["漢", None, ""],
    }


def test_an_empty_result_has_its_schema() -> None:
    table = fetch_batch(inline(b"", 0), SCHEMA)
    assert table.num_rows == 0
    assert table.schema == SCHEMA


def test_blocks_become_one_file(tmp_path: Path) -> None:
    file = tmp_path / "000001.parquet"
    write_parquet(file, [pa.table({"A": [1], "B": pa.nulls(1)}), pa.table({"A": [2], "B": ["x"]})])
    assert parquet.read_table(file).to_pydict() == {"A": [1, 2], "B": [None, "x"]}
    whole = write_parquet(file, [pa.table({"a b": [[1, None], None], "S": [{"x": "é"}, {"x": None}]})])
    assert [json.loads(text) for text in whole["S"].to_pylist()] == [{"x": "é"}, {"x": None}]
    assert whole["a b"].to_pylist() == ["[1, null]", None]
    maps = pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))
    assert write_parquet(file, [pa.table({"M": maps})])["M"].to_pylist() == ['{"k": 1}', None]


def test_parts_are_fetched_as_streams_and_as_batches() -> None:
    parts = ResultParts("key", [inline(NARROW, 2), inline(WIDE, 1)], SCHEMA, time.time() + 60)
    assert parts.rows == 3
    stream = pa.ipc.open_stream(fetch_part(parts, 1)).read_all()
    assert stream == fetch_batch(inline(WIDE, 1), SCHEMA)
    assert as_table(fetch_part(parts, 1)) == stream, "and to_spark takes them"
    wanted = [pa.RecordBatch.from_pydict({"id": [1, 0]})]
    assert pa.Table.from_batches(parts(wanted))["N"].to_pylist() == [2**40, 1, None]


def test_a_number_that_does_not_fit_is_told_and_not_cut() -> None:
    huge = wire(pa.array([Decimal(2**63)], pa.decimal128(38, 0)), pa.array([1], pa.int64()), [""])
    with pytest.raises(TableError, match=r"column N .*wide_numbers='decimal', or cast it in the query: N::TEXT"):
        fetch_batch(inline(huge, 1), SCHEMA)
    wide = fetch_batch(inline(huge, 1), arrow_schema(COLUMNS, "decimal"))
    assert wide["N"].to_pylist() == [Decimal(2**63)]


def test_names_of_types() -> None:
    kinds = {
        "bigint": pa.int8(), "double": pa.float32(), "decimal(10,2)": pa.decimal128(10, 2), "boolean": pa.bool_(),
        "date": pa.date32(), "timestamp": pa.timestamp("ns", "UTC"), "void": pa.null(), "struct": pa.list_(pa.int8()),
        "string": pa.large_string(), "binary": pa.binary(),
    }  # fmt: skip
    assert arrow_names(pa.schema(kinds.items())) == {name: name for name in kinds}
    assert arrow_names(pa.schema({"x": pa.dictionary(pa.int8(), pa.string())})) == {"x": "string"}


def test_what_tasks_staged_is_told_to_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks may be tables or streams; what a column is, a block without a value in it does not know."""
    monkeypatch.setattr(datasets, "connection", contextlib.nullcontext)
    monkeypatch.setattr(datasets, "Stages", lambda _: SimpleNamespace(put=lambda file, _: shutil.copy(file, tmp_path)))
    sink = datasets._StageSink("@S")
    parts = ResultParts("key", [inline(NARROW, 2)], SCHEMA, time.time() + 60)
    unknown = pa.table({"N": [7], "MONEY": pa.nulls(1), "NAME": pa.nulls(1)})
    written = [
        sink.write([fetch_part(parts, 0)], SimpleNamespace(task_idx=3)),
        sink.write([], SimpleNamespace(task_idx=4)),
        sink.write([unknown, unknown], SimpleNamespace(task_idx=5)),
    ]
    sink.on_write_complete(SimpleNamespace(write_returns=pickle.loads(pickle.dumps(written))))
    assert sink.staged.files == ["000003.parquet", "000005.parquet"]
    assert sink.staged.rows == 4
    assert sink.staged.columns == {"N": "bigint", "MONEY": "decimal(10,2)", "NAME": "string"}
    assert sink.staged.nbytes == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert parquet.read_table(tmp_path / "000003.parquet")["N"].to_pylist() == [1, None]
