"""Snowpark Container Services over a session; nothing of RayDP and nothing of Airflow."""
