"""The demo: a local Snowflake, real flights, a RayDP cluster and an Airflow DAG, from one command."""
