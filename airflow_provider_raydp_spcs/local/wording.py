"""What Snowflake says of an object that was dropped (SPCS reference 1.4)."""

from __future__ import annotations


def dropped(name: str) -> str:
    """It was there."""
    return f"{name} successfully dropped."


def already_dropped(name: str) -> str:
    """It was not, and DROP … IF EXISTS does not mind."""
    return f"Drop statement executed successfully ({name} already dropped)."
