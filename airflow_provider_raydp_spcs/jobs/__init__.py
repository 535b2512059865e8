"""Ray's Jobs API; nothing of Airflow."""
