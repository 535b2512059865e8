"""The way to Prometheus for who is outside: ``GET /prometheus/api/v1/…`` of the head's job files.

Prometheus has no public endpoint; these questions, which only read, are handed on to it. Whoever may ask is decided by
the ingress in front of the head.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final
from urllib.parse import urlsplit

PREFIX: Final = "/prometheus"
QUESTIONS: Final = frozenset({"/api/v1/query", "/api/v1/query_range", "/api/v1/series"})
TIMEOUT_SECONDS: Final = 60.0
MAX_QUESTION: Final = 8192


@contextmanager
def ask(address: str | None, path: str) -> Iterator[tuple[int, IO[bytes] | bytes]]:
    """Prometheus' status and answer, both as it gives them; 404 for other questions, 502 where it gives none.

    :param address: ``http://…`` of Prometheus; None where the cluster has none.
    :param path: as it was asked for, beginning with ``/prometheus``.
    """
    question = path.removeprefix(PREFIX)
    if address is None:
        yield 404, _error("this cluster has no monitoring")
    elif urlsplit(question).path not in QUESTIONS or len(path) > MAX_QUESTION:
        yield 404, _error(f"only {', '.join(sorted(QUESTIONS))} are handed on")
    else:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_SECONDS)
        try:
            try:
                connection.request("GET", question)
                reply = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                yield 502, _error(f"Prometheus does not answer: {error}")
            else:
                yield reply.status, reply
        finally:
            connection.close()


def _error(text: str) -> bytes:
    return json.dumps({"status": "error", "errorType": "unavailable", "error": text}).encode()
