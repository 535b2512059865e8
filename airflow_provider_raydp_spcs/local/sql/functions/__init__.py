"""Snowflake's own functions about services, one module for each group of them; each registers what it has."""
