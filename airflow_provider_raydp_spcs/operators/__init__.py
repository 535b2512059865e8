"""Airflow operators; each a file that reads like its neighbour."""
