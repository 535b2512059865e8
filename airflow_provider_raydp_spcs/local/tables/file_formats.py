"""File formats (SPCS reference, part 5): Snowflake's options, and how DuckDB reads files of them.

Options that DuckDB has no counterpart for are refused unless they are given Snowflake's default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, unsupported

_COMMON: Final = {"TYPE", "COMPRESSION", "NULL_IF", "TRIM_SPACE", "REPLACE_INVALID_CHARACTERS", "COMMENT"}
_DATES: Final = {"DATE_FORMAT", "TIME_FORMAT", "TIMESTAMP_FORMAT", "BINARY_FORMAT"}
OPTIONS: Final = {
    "CSV": _COMMON
    | _DATES
    | {
        "RECORD_DELIMITER",
        "FIELD_DELIMITER",
        "FILE_EXTENSION",
        "PARSE_HEADER",
        "SKIP_HEADER",
        "SKIP_BLANK_LINES",
        "ESCAPE",
        "ESCAPE_UNENCLOSED_FIELD",
        "FIELD_OPTIONALLY_ENCLOSED_BY",
        "ERROR_ON_COLUMN_COUNT_MISMATCH",
        "EMPTY_FIELD_AS_NULL",
        "SKIP_BYTE_ORDER_MARK",
        "ENCODING",
        "MULTI_LINE",
    },
    "JSON": _COMMON
    | _DATES
    | {
        "FILE_EXTENSION",
        "ENABLE_OCTAL",
        "ALLOW_DUPLICATE",
        "STRIP_OUTER_ARRAY",
        "STRIP_NULL_VALUES",
        "IGNORE_UTF8_ERRORS",
        "SKIP_BYTE_ORDER_MARK",
        "MULTI_LINE",
    },
    "PARQUET": _COMMON | {"SNAPPY_COMPRESSION", "BINARY_AS_TEXT", "USE_LOGICAL_TYPE", "USE_VECTORIZED_SCANNER"},
}
_IDLE: Final = {
    "ALLOW_DUPLICATE": "FALSE",
    "BINARY_FORMAT": "HEX",
    "ENABLE_OCTAL": "FALSE",
    "IGNORE_UTF8_ERRORS": "FALSE",
    "MULTI_LINE": "TRUE",
    "REPLACE_INVALID_CHARACTERS": "FALSE",
    "SKIP_BYTE_ORDER_MARK": "TRUE",
    "SNAPPY_COMPRESSION": "TRUE",
    "STRIP_NULL_VALUES": "FALSE",
    "TIME_FORMAT": "AUTO",
}
"""Options that may only have their default, in upper case."""
_READABLE: Final = {"AUTO": "auto", "AUTO_DETECT": "auto", "GZIP": "gzip", "ZSTD": "zstd", "NONE": "none"}
_TIMES: Final = (
    ("YYYY", "%Y"), ("YY", "%y"), ("MMMM", "%B"), ("MON", "%b"), ("MM", "%m"), ("DD", "%d"), ("DY", "%a"),
    ("HH24", "%H"), ("HH12", "%I"), ("MI", "%M"), ("SS", "%S"), ("TZH:TZM", "%z"), ("TZHTZM", "%z"),
    ("AM", "%p"), ("PM", "%p"),
)  # fmt: skip


def quoted(text: str) -> str:
    """A text as a literal of DuckDB's."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A name as an identifier of DuckDB's."""
    return '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True)
class FileFormat:
    """A file format.

    :param kind: CSV, JSON or PARQUET.
    :param options: Snowflake's, by upper-case name.
    """

    kind: str = "CSV"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> FileFormat:
        """The format with these options, CSV where no type is among them.

        :raises SnowflakeFault: an option that the type has not, or one that is not supported here.
        """
        kind = str(options.get("TYPE", "CSV")).upper()
        if kind in ("AVRO", "ORC", "XML", "CUSTOM"):
            raise unsupported(f"FILE_FORMAT TYPE = {kind}")
        if kind not in OPTIONS:
            raise _invalid(f"invalid value '{kind}' for property 'TYPE'; allowed are {', '.join(sorted(OPTIONS))}")
        for option in options:
            if option not in OPTIONS[kind]:
                raise _invalid(f"invalid parameter '{option}' of a file format of type {kind}")
        made = cls(kind, {key: value for key, value in options.items() if key != "TYPE"})
        made._check()
        return made

    def flag(self, option: str, *, default: bool = False) -> bool:
        """A switch."""
        value = self.options.get(option, default)
        return value if isinstance(value, bool) else str(value).upper() == "TRUE"

    def text(self, option: str, default: str = "") -> str:
        """A text; NONE is an empty one."""
        value = str(self.options.get(option, default))
        return "" if value.upper() == "NONE" else value

    @property
    def nulls(self) -> list[str]:
        """Texts that stand for NULL."""
        given = self.options.get("NULL_IF", ["\\N"])
        return [str(each) for each in given] if isinstance(given, list) else [str(given)]

    @property
    def compression(self) -> str:
        """As DuckDB names it.

        :raises SnowflakeFault: it cannot read it.
        """
        given = str(self.options.get("COMPRESSION", "AUTO")).upper()
        if given not in _READABLE:
            raise unsupported(f"COMPRESSION = {given}")
        return _READABLE[given]

    def csv(self, files: Sequence[str], columns: Mapping[str, str] | None, *, rejects: bool = False) -> str:
        """``read_csv(…)`` of files.

        :param columns: names and DuckDB types of the columns; without them the file tells how many there are, all texts.
        :param rejects: collect the lines that cannot be read in the table ``reject_errors`` instead of failing.
        """
        header = self.flag("PARSE_HEADER")
        quote = self.text("FIELD_OPTIONALLY_ENCLOSED_BY")
        given: dict[str, str] = {
            "delim": quoted(self.text("FIELD_DELIMITER", ",")),
            "quote": quoted(quote),
            "escape": quoted(self.text("ESCAPE") or quote),
            "header": str(header).lower(),
            "skip": str(int(self.options.get("SKIP_HEADER", 0))),
            "nullstr": self._nullstr(),
            "compression": quoted(self.compression),
            "null_padding": str(
                not self.flag("ERROR_ON_COLUMN_COUNT_MISMATCH", default=True) or columns is None
            ).lower(),
        }
        if given["null_padding"] == "true" and quote:
            given["parallel"] = "false"  # DuckDB cannot pad and read quoted line ends in parallel
        if columns is None:
            given |= {"all_varchar": "true", "auto_detect": "true", "sample_size": "-1"}
        else:
            fields = ", ".join(f"{quoted(key)}: {quoted(kind)}" for key, kind in columns.items())
            given |= {"columns": "{" + fields + "}", "auto_detect": "false"}
        if rejects:
            given |= {"store_rejects": "true"}
            if not self.flag("ERROR_ON_COLUMN_COUNT_MISMATCH", default=True):
                given["strict_mode"] = "false"
        given |= self.moments()
        return f"read_csv({_list(files)}, {', '.join(f'{key} = {value}' for key, value in given.items())})"

    def parquet(self, files: Sequence[str]) -> str:
        """``read_parquet(…)`` of files."""
        text = "binary_as_string = true, " if self.flag("BINARY_AS_TEXT", default=True) else ""
        return f"read_parquet({_list(files)}, {text}union_by_name = true, filename = true, file_row_number = true)"

    def json(self, files: Sequence[str]) -> str:
        """``read_json_objects(…)`` of files: a row with the column ``json`` for each value."""
        shape = "array" if self.flag("STRIP_OUTER_ARRAY") else "unstructured"
        limit = "maximum_object_size = 134217728"
        return (
            f"read_json_objects({_list(files)}, format = '{shape}', filename = true, {limit}, "
            f"compression = {quoted(self.compression)})"
        )

    def _nullstr(self) -> str:
        empty = [""] if self.flag("EMPTY_FIELD_AS_NULL", default=True) else []
        return _list(list(dict.fromkeys([*empty, *self.nulls])) or ["\\N"])

    def moments(self) -> dict[str, str]:
        """How dates and times are written, as DuckDB's options have it; none where it finds that out itself."""
        found = {}
        for option, counterpart in (("DATE_FORMAT", "dateformat"), ("TIMESTAMP_FORMAT", "timestampformat")):
            given = str(self.options.get(option, "AUTO"))
            if given.upper() != "AUTO":
                found[counterpart] = quoted(strptime(given))
        return found

    def _check(self) -> None:
        delimiter = str(self.options.get("RECORD_DELIMITER", "\n"))
        if self.kind == "CSV" and delimiter not in ("\n", "\r\n", "\r", "\\n", "\\r\\n"):
            raise unsupported(f"RECORD_DELIMITER = {delimiter!r}")
        if self.text("ESCAPE_UNENCLOSED_FIELD", "\\") not in ("", "\\", "\\\\"):
            raise unsupported("ESCAPE_UNENCLOSED_FIELD other than a backslash")
        if str(self.options.get("ENCODING", "UTF8")).upper() not in ("UTF8", "UTF-8"):
            raise unsupported(f"ENCODING = {self.options['ENCODING']}")
        for option, default in _IDLE.items():
            given = self.options.get(option)
            if given is not None and str(given).upper() != default:
                raise unsupported(f"{option} = {given}")
        if self.kind != "CSV":
            for option in ("TRIM_SPACE", "NULL_IF", *_DATES):
                given = self.options.get(option)
                if given is not None and str(given).upper() not in ("FALSE", "AUTO", "HEX", "[]", "['\\\\N']"):
                    raise unsupported(f"{option} of a file format of type {self.kind}")
        elif self.flag("TRIM_SPACE") and self.text("FIELD_OPTIONALLY_ENCLOSED_BY"):
            raise unsupported("TRIM_SPACE with FIELD_OPTIONALLY_ENCLOSED_BY")
        if self.flag("PARSE_HEADER") and int(self.options.get("SKIP_HEADER", 0)):
            raise _invalid("PARSE_HEADER and SKIP_HEADER exclude each other")


def strptime(text: str) -> str:
    """A format of times of Snowflake's as one of DuckDB's."""
    made = text.replace("%", "%%")
    made = re.sub(
        r"\.?FF\d?", lambda found: ("." if found[0].startswith(".") else "") + "%f", made, flags=re.IGNORECASE
    )
    for mark, counterpart in _TIMES:
        made = re.sub(rf"(?<!%){re.escape(mark)}", counterpart, made, flags=re.IGNORECASE)
    return made.replace('"', "")


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(quoted(text) for text in texts) + "]"


def _invalid(text: str) -> SnowflakeFault:
    return SnowflakeFault(1420, "22023", f"SQL compilation error:\n{text}")
