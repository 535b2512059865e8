"""What Snowflake's refusals mean for whoever reads or writes a table, with the statement that helps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.runtime.errors import TableError
from airflow_provider_raydp_spcs.spcs import write_ledger
from airflow_provider_raydp_spcs.spcs.errors import InsufficientPrivilegesError, ObjectDoesNotExistError, SpcsError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


@contextmanager
def explained(snowflake: SnowflakeConnection, table: str, privileges: Sequence[str]) -> Iterator[None]:
    """Tell which table, which role and which GRANT a refusal is about.

    :param table: as SQL names it.
    :param privileges: what is needed on it.
    :raises TableError: it is not there, may not be used, or Snowflake refused for another reason.
    """
    try:
        yield
    except (ObjectDoesNotExistError, InsufficientPrivilegesError) as error:
        grant = _grant(str(error), snowflake, table, privileges)
        msg = (
            f"{table} is not there, or the role {snowflake.role} may not do this ({_on_one_line(error)}). "
            f"Make what is missing, or let its owner run: {grant}. The database and the schema need USAGE"
        )
        raise TableError(msg) from error
    except SpcsError as error:
        msg = f"{table}: {_on_one_line(error)}"
        raise TableError(msg) from error


def _grant(refusal: str, snowflake: SnowflakeConnection, table: str, privileges: Sequence[str]) -> str:
    """The statement that lets the role go on, by what the refusal names."""
    role, schema = snowflake.role or "<role>", f"{snowflake.database}.{snowflake.schema}"
    around = re.search(r"\b(Schema|Database) '([^']+)' does not exist", refusal)
    if around:
        return f"GRANT USAGE ON {around[1].upper()} {around[2]} TO ROLE {role}"
    if write_ledger.TABLE in refusal:  # that of another role
        return f"GRANT SELECT, INSERT, UPDATE ON TABLE {schema}.{write_ledger.TABLE} TO ROLE {role}"
    if re.search(r"\b(stage|schema)\b", refusal, re.IGNORECASE):
        return f"GRANT USAGE, CREATE STAGE, CREATE TABLE ON SCHEMA {schema} TO ROLE {role}"
    return f"GRANT {', '.join(privileges)} ON TABLE {table} TO ROLE {role}"


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextmanager
def tasks_explained(table: str) -> Iterator[None]:
    """Take the reason of a Spark task that failed at a table out of Spark's report.

    What the user's own code raised goes on as it is.

    :raises TableError: the task failed in this room.
    """
    try:
        yield
    except Exception as error:
        reasons = re.findall(r"errors\.TableError: (.+)", str(error))
        if not reasons:
            raise
        msg = f"{table}: {reasons[-1]}; nothing was written"
        raise TableError(msg) from error
