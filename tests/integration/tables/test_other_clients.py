"""SQLAlchemy and Airflow's SQL operator, both unmodified (Ray Data: ``tests/integration/test_datasets.py``, which has a Ray)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
NAMES = ("host", "port", "account", "user", "password", "role", "database", "schema", "warehouse")


@pytest.fixture
def parameters(environment: dict[str, str]) -> dict[str, str]:
    return {name: environment[f"SNOWFLAKE_{name.upper()}"] for name in NAMES}


def test_sqlalchemy_makes_fills_and_inspects_tables(parameters: dict[str, str]) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from snowflake.sqlalchemy import URL

    engine = sqlalchemy.create_engine(URL(**parameters))
    metadata = sqlalchemy.MetaData()
    columns = [
        sqlalchemy.Column("id", sqlalchemy.Integer, sqlalchemy.Sequence("alchemy_seq"), primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.String(20)),
        sqlalchemy.Column("price", sqlalchemy.Numeric(10, 2)),
    ]
    table = sqlalchemy.Table("alchemy", metadata, *columns)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            table.insert(), [{"id": 1, "name": "a", "price": 1.5}, {"id": 2, "name": "it's", "price": None}]
        )
        connection.execute(table.update().where(table.c.id == 1).values(name="b"))
    with engine.connect() as connection:
        rows = connection.execute(sqlalchemy.select(table.c.name, table.c.price).order_by(table.c.id)).fetchall()
    assert [(name, None if price is None else float(price)) for name, price in rows] == [("b", 1.5), ("it's", None)]
    inspector = sqlalchemy.inspect(engine)
    assert "alchemy" in inspector.get_table_names()
    assert [column["name"] for column in inspector.get_columns("alchemy")] == ["id", "name", "price"]
    engine.dispose()


def test_airflows_sql_operator_runs_with_a_connection(environment: dict[str, str]) -> None:
    from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

    del environment  # AIRFLOW_CONN_SNOWFLAKE_DEFAULT is all it needs
    statements = "CREATE OR REPLACE TABLE AF (A INT); INSERT INTO AF VALUES (1), (2); SELECT A FROM AF ORDER BY A"
    operator: Any = SQLExecuteQueryOperator(
        task_id="x", conn_id="snowflake_default", sql=statements, split_statements=True, return_last=True
    )
    assert operator.execute({}) == [(1,), (2,)]
    bound: Any = SQLExecuteQueryOperator(
        task_id="y", conn_id="snowflake_default", sql="SELECT %(a)s + 1", parameters={"a": 41}
    )
    assert bound.execute({}) == [(42,)]
