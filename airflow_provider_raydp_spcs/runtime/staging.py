"""The rows of a Spark partition on a stage, put there by the executor that has them.

Each attempt of a task writes files under names of its own and tells them; the driver loads those that the attempts which
Spark counted have told. So a task that failed half-way, or ran twice, adds nothing. What is small goes back to the driver,
which makes one file of all such pieces: a session and a file for each handful of rows would cost more than the rows.
"""

from __future__ import annotations

import errno
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.runtime.connecting import connection
from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.spcs.errors import SpcsError
from airflow_provider_raydp_spcs.spcs.session import ConnectorSession
from airflow_provider_raydp_spcs.spcs.stages import Stages

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

PIECE_BYTES: Final = 64 * 1024
FILE_BYTES: Final = 128 * 1024 * 1024
"""Compressed. Snowflake loads several files of this size side by side, and an executor's disk holds one at a time."""
_TOLD: Final = "file string, row_count long, byte_count long, piece binary"


@dataclass(frozen=True)
class Staged:
    """What lies on a stage.

    :param files: paths in the stage's folder.
    :param nbytes: compressed.
    :param columns: names and Spark's short names of the types, where they were not known before.
    """

    files: list[str]
    rows: int
    nbytes: int
    columns: Mapping[str, str] = field(default_factory=dict)


def stage_frame(frame: DataFrame, stage: str) -> Staged:
    """Put a DataFrame's rows on a stage, as Parquet files.

    :param stage: ``@NAME``, in the schema where jobs connect to.
    """
    told = _plain(frame).mapInArrow(_StagePartition(stage), _TOLD).collect()
    files = [row.file for row in told if row.file]
    rows = sum(row.row_count for row in told)
    nbytes = sum(row.byte_count for row in told)
    pieces = [bytes(row.piece) for row in told if row.piece]
    if pieces:
        name, size = _stage_pieces(pieces, stage)
        files.append(name)
        nbytes += size
    return Staged(files, rows, nbytes)


def _plain(frame: DataFrame) -> DataFrame:
    """Structures, arrays and maps as JSON, for Snowflake's VARIANTs."""
    from pyspark.sql import functions as f
    from pyspark.sql.types import ArrayType, MapType, NullType, StructType

    columns = []
    for each in frame.schema:
        column = f.col("`" + each.name.replace("`", "``") + "`")
        if isinstance(each.dataType, StructType | ArrayType | MapType):
            column = f.to_json(column, {"ignoreNullFields": "false"})
        elif isinstance(each.dataType, NullType):
            column = column.cast("string")
        columns.append(column.alias(each.name))
    return frame.select(*columns)


def _stage_pieces(pieces: list[bytes], stage: str) -> tuple[str, int]:
    import pyarrow as pa

    tables = [pa.ipc.open_stream(piece).read_all() for piece in pieces]
    with _Writer("pieces") as writer:
        for table in tables:
            writer.write(table)
        return writer.put(stage)


@dataclass(frozen=True)
class _StagePartition:
    """What a task does with its partition; see :func:`stage_frame`."""

    stage: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Answer a row for each file, and one for what is too little for a file."""
        import pyarrow as pa
        from pyspark import TaskContext

        context = TaskContext.get()
        attempt = f"{context.partitionId():06}-{context.taskAttemptId()}" if context else "0"
        waiting: list[pa.RecordBatch] = []
        writer: _Writer | None = None
        number = 0
        try:
            for batch in batches:
                if writer is None:
                    waiting.append(batch)
                    if sum(each.nbytes for each in waiting) <= PIECE_BYTES:
                        continue
                    writer = _Writer(f"{attempt}-{number:03}")
                    number += 1
                    batch, waiting = pa.Table.from_batches(waiting), []
                writer.write(batch)
                if writer.nbytes >= FILE_BYTES:
                    yield _told(*writer.put(self.stage), writer.rows)
                    writer.close()
                    writer = None
            if writer is not None:
                yield _told(*writer.put(self.stage), writer.rows)
            elif waiting:
                table = pa.Table.from_batches(waiting)
                if table.num_rows:
                    yield _told(None, 0, table.num_rows, _stream(table))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            msg = (
                f"the disk of {socket.gethostname()} is full ({tempfile.gettempdir()}: {error.strerror}); remove files there, or "
                "give the workers a larger block volume"
            )
            raise TableError(msg) from error
        finally:
            if writer is not None:
                writer.close()


class _Writer:
    """One Parquet file on the way to the stage.

    :param name: of the file, without its ending.
    """

    def __init__(self, name: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="raydp-write-", ignore_cleanup_errors=True)
        self._path = Path(self._folder.name) / f"{name}.parquet"
        self._writer: Any = None
        self.rows = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def nbytes(self) -> int:
        """What of it is on the disk."""
        return self._path.stat().st_size if self._path.exists() else 0

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Add rows."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, rows.schema)
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
        self._writer.write_table(table)
        self.rows += table.num_rows

    def put(self, stage: str) -> tuple[str, int]:
        """Finish the file and put it on the stage; answer its name there and its bytes."""
        self._writer.close()
        with connection() as snowflake:
            try:
                Stages(ConnectorSession(snowflake)).put(self._path, stage)
            except SpcsError as error:
                msg = f"the stage {stage} does not take a file of {socket.gethostname()}: {error}"
                raise TableError(msg) from error
        return self._path.name, self.nbytes

    def close(self) -> None:
        """Remove it from the disk."""
        self._folder.cleanup()


def _told(file: str | None, nbytes: int, rows: int, piece: bytes | None = None) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(
        [
            pa.array([file], pa.string()),
            pa.array([rows], pa.int64()),
            pa.array([nbytes], pa.int64()),
            pa.array([piece], pa.binary()),
        ],
        names=["file", "row_count", "byte_count", "piece"],
    )


def _stream(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
