"""Large results: the first rows come with the answer, the others as files that clients fetch side by side.

So it is with Snowflake, whose answer names an address for each further part of the result; the addresses need nothing but
themselves, and so a client may hand them on to other processes and machines.
"""

from __future__ import annotations

import gzip
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_raydp_spcs.local.security.sign_in import Identity, SignIn
from airflow_provider_raydp_spcs.local.tables.results import TableResult
from airflow_provider_raydp_spcs.local.wire.history import History, Query

INLINE_BYTES: Final = 256 * 1024
CHUNK_BYTES: Final = 4 * 1024 * 1024
ADDRESS_SECONDS: Final = 6 * 3600.0
"""How long an address is good, as Snowflake's are."""


def parts(rows: int, nbytes: int) -> list[tuple[int, int]]:
    """First row and number of rows of each part; the first is the one that comes with the answer."""
    if nbytes <= INLINE_BYTES:
        return [(0, rows)]
    each = nbytes / rows
    first, further = max(1, int(INLINE_BYTES / each)), max(1, int(CHUNK_BYTES / each))
    return [(0, first)] + [(start, min(further, rows - start)) for start in range(first, rows, further)]


class Chunks:
    """The addresses of the parts of results, and what is there."""

    def __init__(self, history: History, sign_in: SignIn) -> None:
        self._history, self._sign_in = history, sign_in

    def told(self, query: Query, identity: Identity, host: str) -> tuple[int, list[dict[str, Any]]]:
        """How many rows come with the answer, and where the others are."""
        result = query.result
        if not isinstance(result, TableResult):
            return 0, []
        (_, first), *others = parts(result.table.num_rows, result.nbytes)
        if not others:
            return first, []
        key = self._sign_in.issue(identity, f"result {query.id}", ADDRESS_SECONDS)
        size = result.nbytes // result.table.num_rows
        return first, [
            {
                "url": f"https://{host}/results/{query.id}/{start}/{count}?Expires={ADDRESS_SECONDS:.0f}&Signature={key}",
                "rowCount": count,
                "uncompressedSize": count * size,
                "compressedSize": count * size,
            }
            for start, count in others
        ]

    async def serve(self, request: Request) -> Response:
        """One part."""
        key, start, count = (request.path_params[name] for name in ("id", "start", "count"))
        identity = self._sign_in.identity(request.query_params.get("Signature", ""), f"result {key}")
        if identity is None:
            return Response(status_code=403)
        query = self._history.find(key, identity.user)
        if query is None or not isinstance(query.result, TableResult):
            return Response(status_code=404)
        body = await run_in_threadpool(_compressed, query.result, start, count)
        return Response(body, headers={"Content-Encoding": "gzip"}, media_type="binary/octet-stream")


def _compressed(result: TableResult, start: int, count: int) -> bytes:
    return gzip.compress(result.arrow_bytes(start, count), compresslevel=1)
