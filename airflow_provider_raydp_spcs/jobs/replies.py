"""What the ingress and Ray answer, as errors (SPCS reference 4.5)."""

from __future__ import annotations

from airflow_provider_raydp_spcs.jobs.errors import (
    JobExistsError,
    JobNotFoundError,
    NotAllowedError,
    NotSignedInError,
    RayJobsError,
    RayUnreachableError,
)

_TRANSIENT = frozenset({429, 502, 503, 504})


def check(status: int, text: str, what: str) -> None:
    """Accept an answer, or say why not.

    :param what: what was asked for, for the message.
    :raises RayJobsError: a fitting kind of it.
    """
    short = _shortened(text)
    if status >= 400 and "already exists" in text:
        msg = f"{what}: {short}"
        raise JobExistsError(msg)
    if 300 <= status < 400:
        msg = (
            f"{what}: the endpoint asks to sign in (HTTP {status}). The Snowflake token is missing, unknown or expired; "
            "check the connection's credentials"
        )
        raise NotSignedInError(msg)
    if status in (401, 403):
        msg = (
            f"{what}: not allowed (HTTP {status}: {short}). The role needs the service role of the endpoint: "
            "GRANT SERVICE ROLE <head service>!ALL_ENDPOINTS_USAGE TO ROLE <role>"
        )
        raise NotAllowedError(msg)
    if status in _TRANSIENT or (status == 500 and not text.startswith("Traceback")):
        msg = f"{what}: HTTP {status}: {short}"
        raise RayUnreachableError(msg)
    if status == 404:
        msg = f"{what}: {short or 'not found'}"
        raise JobNotFoundError(msg)
    if status >= 400:
        msg = f"{what}: HTTP {status}: {short}"
        raise RayJobsError(msg)


def _shortened(text: str) -> str:
    """Of a traceback the end tells most, of anything else the beginning."""
    plain = " ".join(text.split())
    return plain[-300:] if plain.startswith("Traceback") else plain[:300]
