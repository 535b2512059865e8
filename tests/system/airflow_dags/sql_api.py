"""Airflow's own SnowflakeSqlApiOperator, waiting and deferred, with a key pair and with an access token."""

from airflow.providers.snowflake.operators.snowflake import SnowflakeSqlApiOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

NOTED = "INSERT INTO SQL_API_RUNS VALUES ('{{ task.task_id }}', CURRENT_USER(), CURRENT_ROLE())"

with DAG("sql_api", schedule=None):
    for connection in ("sql_api_key", "sql_api_token"):
        for name, deferrable, seconds in (("waiting", False, 0), ("deferred", True, 4)):
            SnowflakeSqlApiOperator(
                task_id=f"{connection}_{name}",
                snowflake_conn_id=connection,
                sql=f"CALL SYSTEM$WAIT({seconds}); {NOTED}",
                statement_count=2,
                deferrable=deferrable,
                poll_interval=1,
            )
    for name, deferrable, seconds in (("broken_waiting", False, 0), ("broken_deferred", True, 4)):
        broken = SnowflakeSqlApiOperator(
            task_id=name,
            snowflake_conn_id="sql_api_key",
            sql=f"CALL SYSTEM$WAIT({seconds}); SELECT * FROM NOWHERE",
            deferrable=deferrable,
            poll_interval=1,
        )
        # So that the run succeeds where every task ends as it should.
        broken >> EmptyOperator(task_id=f"{name}_failed", trigger_rule="all_failed")
