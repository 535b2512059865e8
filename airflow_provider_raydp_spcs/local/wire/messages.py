"""Requests and answers as every route reads and makes them."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, internal_error
from airflow_provider_raydp_spcs.local.wire.rendering import fault_json

logger = logging.getLogger(__name__)
MAX_BYTES: Final = 256 * 1024 * 1024
"""What a request may hold when it is unzipped."""
Handler = Callable[[Request], Awaitable[JSONResponse]]


def _unzipped(raw: bytes) -> bytes:
    """What was zipped; a little that becomes too much is refused, for it would take all memory.

    :raises ValueError: it is too much, or was not zipped.
    """
    try:
        unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        found = unzip.decompress(raw, MAX_BYTES)
    except zlib.error as error:
        msg = "not zipped"
        raise ValueError(msg) from error
    if not unzip.eof:
        msg = f"more than {MAX_BYTES} bytes, or cut off"
        raise ValueError(msg)
    return found


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that a client sent, zipped or not; an empty one for anything else."""
    raw = await request.body()
    if request.headers.get("content-encoding") == "gzip" and raw:
        raw = _unzipped(raw)
    found = json.loads(raw or b"{}")
    return found if isinstance(found, dict) else {}


def mapping(given: object) -> dict[str, Any]:
    """A JSON object, empty for anything else."""
    return {str(key): value for key, value in given.items()} if isinstance(given, dict) else {}


def success(data: object) -> JSONResponse:
    """The answer of a route that did what it was asked."""
    return JSONResponse({"data": data, "code": None, "message": None, "success": True})


def guarded(handler: Handler) -> Handler:
    """Every failure is an answer, never an HTTP 500 (SPCS reference, part 0, point 5)."""

    async def answer(request: Request) -> JSONResponse:
        try:
            return await handler(request)
        except SnowflakeFault as fault:
            return JSONResponse(fault_json(fault))
        except (ValueError, OSError, EOFError) as error:
            return JSONResponse(fault_json(SnowflakeFault(391918, "22000", f"Bad request: {type(error).__name__}.")))
        except Exception:
            logger.exception("a defect of the local Snowflake")
            return JSONResponse(fault_json(internal_error()))

    return answer
