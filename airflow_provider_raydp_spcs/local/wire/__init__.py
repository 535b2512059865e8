"""Snowflake's HTTP protocol, as its clients speak it."""
