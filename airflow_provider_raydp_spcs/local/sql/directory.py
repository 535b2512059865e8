"""Directory tables: what a stage held when it was last refreshed (SPCS reference, part 5)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.sql.registry import Context
from airflow_provider_raydp_spcs.local.sql.stage_locations import READ, STAGE, Location
from airflow_provider_raydp_spcs.local.wire.answers import Column, RowsAnswer

_COLUMNS: Final = [
    Column("RELATIVE_PATH"),
    Column("SIZE", "FIXED"),
    Column("LAST_MODIFIED", "TIMESTAMP_LTZ"),
    Column("MD5"),
    Column("ETAG"),
    Column("FILE_URL"),
]


def directory_rows(location: Location, context: Context) -> RowsAnswer:
    """``DIRECTORY(@stage)``.

    :raises SnowflakeFault: the stage has no directory table.
    """
    stage = location.stage_in(context, "SELECT", READ)
    record = context.catalogue.find(STAGE, stage) or {}
    if not record.get("directory"):
        text = f"SQL compilation error:\nDirectory table is not enabled for stage '{stage.rpartition('.')[2]}'; see ALTER STAGE … SET DIRECTORY = (ENABLE = TRUE)."
        raise SnowflakeFault(2003, "02000", text)
    address = (
        f"https://{context.platform.account.lower()}.snowflakecomputing.com/api/files/{'/'.join(stage.split('.'))}"
    )
    rows = [
        [
            path,
            each["size"],
            parsedate_to_datetime(each["last_modified"]),
            each["md5"],
            each["md5"],
            f"{address}/{path}",
        ]
        for path, each in sorted((record.get("directory_table") or {}).items())
    ]
    return RowsAnswer(_COLUMNS, rows)


def refresh(stage: str, context: Context, path: str = "") -> RowsAnswer:
    """``ALTER STAGE … REFRESH``: what is new, changed or gone since the last time."""
    record = context.catalogue.get(STAGE, stage)
    before: dict[str, Any] = {
        key: each for key, each in (record.get("directory_table") or {}).items() if key.startswith(path)
    }
    others = {key: each for key, each in (record.get("directory_table") or {}).items() if not key.startswith(path)}
    now = {
        each.path: {"size": each.size, "md5": each.md5, "last_modified": each.last_modified}
        for each in context.files.listing(stage, path)
    }
    rows = []
    for key in sorted({*before, *now}):
        if key not in now:
            rows.append([key, "UNREGISTERED", "File unregistered successfully."])
        elif key not in before:
            rows.append([key, "REGISTERED_NEW", "File registered successfully."])
        elif before[key]["md5"] != now[key]["md5"]:
            rows.append([key, "REGISTERED_UPDATE", "File registered successfully."])
    context.catalogue.change(STAGE, stage, directory_table={**others, **now})
    return RowsAnswer([Column("file"), Column("status"), Column("description")], rows)
