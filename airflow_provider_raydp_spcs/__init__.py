"""Airflow provider that runs Spark-on-Ray (RayDP) jobs inside Snowpark Container Services."""

__version__ = "0.1.0"
