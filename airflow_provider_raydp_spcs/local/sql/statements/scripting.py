"""EXECUTE IMMEDIATE with a block of Snowflake Scripting, and what such blocks wait with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from airflow_provider_raydp_spcs.local.errors import unsupported
from airflow_provider_raydp_spcs.local.interruption import pause
from airflow_provider_raydp_spcs.local.sql.calls import answer_calls
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.registry import Context, Statement, find, reads
from airflow_provider_raydp_spcs.local.sql.scripting import run_block
from airflow_provider_raydp_spcs.local.wire.answers import Answer, Column, RowsAnswer

_WAIT: Final = "SYSTEM$WAIT"
MAX_WAIT: Final = 600


@dataclass(frozen=True)
class ExecuteImmediate:
    text: str

    def run(self, context: Context) -> Answer:
        def carry_out(text: str) -> RowsAnswer:
            cursor = Cursor(text)
            parser = find(cursor)
            answer = parser(cursor).run(context) if parser else answer_calls(text, (), context)
            if not isinstance(answer, RowsAnswer):
                raise unsupported(f"{' '.join(text.split()[:3])} in a scripting block")
            return answer

        return RowsAnswer([Column("anonymous block")], [[run_block(self.text, carry_out)]])


@reads("EXECUTE IMMEDIATE")
def execute_immediate(cursor: Cursor) -> Statement:
    text = cursor.text()
    cursor.end()
    return ExecuteImmediate(text)


@dataclass(frozen=True)
class Wait:
    seconds: int

    def run(self, context: Context) -> Answer:
        del context
        pause(min(self.seconds, MAX_WAIT))
        return RowsAnswer([Column(_WAIT)], [[f"waited {self.seconds} seconds"]])


@reads(f"CALL {_WAIT}", f"SELECT {_WAIT}")
def wait(cursor: Cursor) -> Statement:
    cursor.expect("(")
    seconds = cursor.number()
    cursor.expect(")")
    cursor.end()
    return Wait(seconds)
