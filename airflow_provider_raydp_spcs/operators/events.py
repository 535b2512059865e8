"""What a trigger reports, back as an exception: so that retries and readers see the same class as without a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_raydp_spcs.cluster import errors as cluster
from airflow_provider_raydp_spcs.jobs import errors as jobs
from airflow_provider_raydp_spcs.spcs import errors as spcs


class WaitingFailedError(RuntimeError):
    """Waiting in the triggerer ended with an error that has no class here."""


def check(event: Mapping[str, Any]) -> None:
    """Accept a trigger's event, or raise the error that it tells of.

    :raises Exception: the class that the trigger met, with its message.
    """
    if "error" not in event:
        return
    name = str(event.get("kind", ""))
    for room in (jobs, cluster, spcs):
        kind = getattr(room, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            raise kind(event["error"])
    msg = f"{name}: {event['error']}"
    raise WaitingFailedError(msg)
