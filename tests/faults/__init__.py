"""Faults on purpose: a real Airflow, the local Snowflake and real Ray clusters, broken one way after another (``make faults``)."""
