"""What the ingress and Ray answer, as errors (SPCS reference 4.5)."""

from __future__ import annotations

import re
from typing import Any

import httpx

from airflow_provider_raydp_spcs.jobs.errors import (
    JobExistsError,
    JobNotFoundError,
    NotAllowedError,
    NotSignedInError,
    RayJobsError,
    RayUnreachableError,
    TokenRefusedError,
)

_TRANSIENT = frozenset({429, 502, 503, 504})
_NOT_FOUND = (
    re.compile(r"Job \S* does not exist"),
    re.compile(r"404: Not Found\Z"),
    re.compile(r'\{"(error|status)": '),
)
"""How a head says that it has something not: Ray about a job and about a path that it does not know, and its job files."""


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
        raise (TokenRefusedError if status == 401 else NotAllowedError)(msg)
    if status == 404 and not any(each.match(text) for each in _NOT_FOUND):
        # Of an ingress that does not know the endpoint just now. Whoever took that for the head's word would give up a job
        # that runs.
        msg = f"{what}: HTTP 404 from the ingress, not from the head: {short or 'no text'}"
        raise RayUnreachableError(msg)
    if status in _TRANSIENT or (status == 500 and not text.startswith("Traceback")):
        msg = f"{what}: HTTP {status}: {short}"
        raise RayUnreachableError(msg)
    if status == 404:
        msg = f"{what}: {short}"
        raise JobNotFoundError(msg)
    if status >= 400:
        msg = f"{what}: HTTP {status}: {short}"
        raise RayJobsError(msg)


def content(reply: httpx.Response, what: str) -> Any:
    """The JSON of an answer.

    :raises RayUnreachableError: it is none, as where a proxy answers in the head's place, or it ends too early.
    """
    try:
        return reply.json()
    except ValueError as error:
        msg = f"{what}: the answer (HTTP {reply.status_code}) cannot be read: {_shortened(reply.text)!r}"
        raise RayUnreachableError(msg) from error


def _shortened(text: str) -> str:
    """Of a traceback the end tells most, of anything else the beginning."""
    plain = " ".join(text.split())
    return plain[-300:] if plain.startswith("Traceback") else plain[:300]
