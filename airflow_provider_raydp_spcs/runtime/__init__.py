"""What a job imports inside the cluster: a Spark session, Snowflake tables in and out, rows between Ray and Spark, a
connection, a result.

Everything is imported at first use, so that a job pays only for what it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.runtime.connecting import connection
    from airflow_provider_raydp_spcs.runtime.datasets import read_dataset, write_dataset
    from airflow_provider_raydp_spcs.runtime.exchange import to_ray, to_spark
    from airflow_provider_raydp_spcs.runtime.result import set_result
    from airflow_provider_raydp_spcs.runtime.session import spark_session
    from airflow_provider_raydp_spcs.runtime.tables import read_query, read_table, write_table

__all__ = [
    "connection",
    "read_dataset",
    "read_query",
    "read_table",
    "set_result",
    "spark_session",
    "to_ray",
    "to_spark",
    "write_dataset",
    "write_table",
]

_HOME = {
    "connection": "connecting",
    "read_dataset": "datasets",
    "read_query": "tables",
    "read_table": "tables",
    "set_result": "result",
    "spark_session": "session",
    "to_ray": "exchange",
    "to_spark": "exchange",
    "write_dataset": "datasets",
    "write_table": "tables",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
