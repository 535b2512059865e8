"""COPY INTO a stage: rows as files, written by DuckDB."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, unsupported
from airflow_provider_raydp_spcs.local.tables.file_formats import FileFormat, name, quoted
from airflow_provider_raydp_spcs.local.tables.loading import COPY
from airflow_provider_raydp_spcs.local.tables.results import plain
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer, SessionFacts

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_provider_raydp_spcs.local.tables.session import Source, TableSession

DEFAULT_FILE_SIZE: Final = 16_777_216
_ROWS: Final = "_UNLOAD"
_PART: Final = "_PARTITION"
_CSV: Final = {"AUTO": "gzip", "GZIP": "gzip", "ZSTD": "zstd", "NONE": "none"}
_PARQUET: Final = {"AUTO": "snappy", "SNAPPY": "snappy", "LZO": "", "NONE": "uncompressed"}
_MOMENTS: Final = {"dateformat": "DATEFORMAT", "timestampformat": "TIMESTAMPFORMAT"}
_ENDINGS: Final = {"gzip": ".gz", "zstd": ".zst", "snappy": ".snappy"}


@dataclass(frozen=True)
class Unload:
    """COPY INTO a location.

    :param sql: Snowflake's query of the rows; its last column is the partition where there are partitions.
    :param root: folder of the stage.
    :param path: in the stage, as the statement gives it.
    :param max_file_size: bytes, of which the rows of a file take about as many before they are compressed.
    """

    sql: str
    root: Path
    path: str
    format: FileFormat
    sources: Sequence[Source] = ()
    partitioned: bool = False
    header: bool = False
    overwrite: bool = False
    single: bool = False
    max_file_size: int = DEFAULT_FILE_SIZE
    detailed: bool = False

    def run(self, tables: TableSession, facts: SessionFacts) -> RowsAnswer:
        """Write the files."""
        del facts
        rows = plain(tables.execute(self.sql, None, self.sources).table)
        written: list[tuple[str, int, int]] = []
        temporary = Path(tempfile.mkdtemp(prefix="unload-"))
        try:
            made = []
            with tables.duck.cursor() as beside:
                for number, (target, part) in enumerate(self._parts(rows)):
                    file = temporary / str(number)
                    self._write(beside, part, file)
                    made.append((file, target, part.num_rows))
            if not self.overwrite:
                self._check_free([target for _, target, _ in made])
            for file, target, count in made:
                place = self.root / target
                place.parent.mkdir(parents=True, exist_ok=True)
                size = file.stat().st_size
                shutil.move(file, place)
                written.append((target, size, count))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        if self.detailed:
            columns = [Column("FILE_NAME"), Column("FILE_SIZE", "FIXED"), Column("ROW_COUNT", "FIXED")]
            return RowsAnswer(columns, written, COPY)
        columns = [Column(each, "FIXED") for each in ("rows_unloaded", "input_bytes", "output_bytes")]
        total = sum(size for _, size, _ in written)
        return RowsAnswer(
            columns, [[rows.num_rows, rows.nbytes if self.format.kind == "PARQUET" else total, total]], COPY
        )

    def _parts(self, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """The path of each file, and the rows in it."""
        import pyarrow.compute as pc

        if not self.partitioned:
            yield from self._chunks(rows, "")
            return
        where = rows.column(rows.num_columns - 1)
        inside = (
            rows.drop_columns([rows.column_names[-1]])
            if len(set(rows.column_names)) == rows.num_columns
            else rows.select(range(rows.num_columns - 1))
        )
        for value in pc.unique(where).to_pylist():
            mask = pc.is_null(where) if value is None else pc.equal(where, value)
            yield from self._chunks(inside.filter(mask), "__NULL__" if value is None else str(value))

    def _chunks(self, rows: pa.Table, folder: str) -> Iterator[tuple[str, pa.Table]]:
        if self.single:
            yield self.path if self.path and not self.path.endswith("/") else f"{self.path}data", rows
            return
        if not rows.num_rows:
            return
        per_file = max(1, int(self.max_file_size // max(1.0, rows.nbytes / rows.num_rows)))
        for number, start in enumerate(range(0, rows.num_rows, per_file)):
            yield self._file(folder, number), rows.slice(start, per_file)

    def _file(self, folder: str, number: int) -> str:
        if self.partitioned:
            place = f"{self.path.rstrip('/')}/{folder}/".lstrip("/")
            return f"{place}data_{uuid.uuid4()}_0_{number}_0{self._ending}"
        stem = f"{self.path}data" if not self.path or self.path.endswith("/") else self.path
        return f"{stem}_0_{number}_0{self._ending}"

    @property
    def _compression(self) -> str:
        given = str(self.format.options.get("COMPRESSION", "AUTO")).upper()
        known = _PARQUET if self.format.kind == "PARQUET" else _CSV
        if not known.get(given):
            raise unsupported(f"COMPRESSION = {given} of a {self.format.kind} file")
        return known[given]

    @property
    def _ending(self) -> str:
        own = self.format.text("FILE_EXTENSION")
        squeezed = _ENDINGS.get(self._compression, "")
        if self.format.kind == "PARQUET":
            return f"{squeezed}.parquet"
        return (f".{own.lstrip('.')}" if own else f".{self.format.kind.lower()}") + squeezed

    def _check_free(self, targets: Sequence[str]) -> None:
        there = self.root / self.path
        taken = [target for target in targets if (self.root / target).exists()]
        if taken or (self.partitioned and there.is_dir() and any(each.is_file() for each in there.rglob("*"))):
            text = f"Files already existing at the unload destination: @{self.root.name}/{self.path}. Use overwrite option to force unloading."
            raise SnowflakeFault(1030, "22000", f"SQL compilation error:\n{text}")

    def _write(self, duck: Any, rows: pa.Table, file: Path) -> None:
        options: dict[str, str] = {"COMPRESSION": self._compression}
        columns = rows.column_names
        if self.format.kind == "PARQUET":
            options["FORMAT"] = "parquet"
            if not self.header:
                columns = [f"_COL_{number}" for number in range(rows.num_columns)]
        elif self.format.kind == "JSON":
            if rows.num_columns != 1:
                text = "SQL compilation error:\nJSON file format can produce one and only one column of type variant, object, or array."
                raise SnowflakeFault(2019, "0A000", text)
            # Each row is a document already; as "CSV" without quotes it is written as it is.
            options |= {"FORMAT": "csv", "HEADER": "false", "QUOTE": "''", "ESCAPE": "''", "DELIMITER": "'\x01'"}
        else:
            quote = self.format.text("FIELD_OPTIONALLY_ENCLOSED_BY")
            options |= {
                "FORMAT": "csv",
                "HEADER": str(self.header).lower(),
                "DELIMITER": quoted(self.format.text("FIELD_DELIMITER", ",")),
                "QUOTE": quoted(quote),
                "ESCAPE": quoted(self.format.text("ESCAPE") or quote),
                "NULLSTR": quoted(self.format.nulls[0] if self.format.nulls else ""),
            }
            options |= {_MOMENTS[key]: value for key, value in self.format.moments().items()}
            texts = [name(field.name) for field in rows.schema if str(field.type) in ("string", "large_string")]
            if quote and texts:
                options["FORCE_QUOTE"] = f"({', '.join(texts)})"
        duck.register(_ROWS, rows.rename_columns(columns))
        written = ", ".join(f"{key} {value}" for key, value in options.items())
        duck.execute(f"COPY (SELECT * FROM {_ROWS}) TO {quoted(str(file))} ({written})")
        duck.unregister(_ROWS)
