"""How the command line speaks: plain words on standard error for what failed, tables on standard output."""

from __future__ import annotations

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)


def explain(error: Exception) -> bool:
    """Print an error that the package or Snowflake raised on purpose; answer whether it was one.

    Every such error says in its own text what is wrong, what is allowed and what to do next, so the traceback would
    only hide it. Anything else is a defect, and its traceback is wanted.
    """
    if not _is_meant_for_users(error):
        return False
    complaints.print(f"[bold red]{type(error).__name__}:[/] ", end="")
    complaints.print(str(error), markup=False)
    return True


def _is_meant_for_users(error: Exception) -> bool:
    module = type(error).__module__
    return module.startswith(("airflow_provider_raydp_spcs.", "snowflake.connector."))
