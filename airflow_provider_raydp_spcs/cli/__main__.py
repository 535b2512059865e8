"""``python -m airflow_provider_raydp_spcs.cli``."""

from __future__ import annotations

from airflow_provider_raydp_spcs.cli import main

main()
