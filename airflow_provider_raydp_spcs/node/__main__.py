"""``python -m airflow_provider_raydp_spcs.node head|worker|custom-worker``: the entry point of the images."""

from __future__ import annotations

import argparse
import sys

from airflow_provider_raydp_spcs.node.settings import Role
from airflow_provider_raydp_spcs.node.supervisor import run


def main() -> int:
    """Read the role and run the node."""
    parser = argparse.ArgumentParser(
        prog="airflow_provider_raydp_spcs.node", description="Run one node of a RayDP cluster."
    )
    parser.add_argument("role", choices=[role.value for role in Role])
    return run(Role(parser.parse_args().role))


sys.exit(main())
