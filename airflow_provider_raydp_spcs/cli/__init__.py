"""The command ``raydp-spcs``."""

from __future__ import annotations


def main() -> None:
    """Entry point of the console command."""
    from airflow_provider_raydp_spcs.cli.app import app

    app()
