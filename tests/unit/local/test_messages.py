"""Requests as clients send them."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from starlette.requests import Request

from airflow_provider_raydp_spcs.local.wire import messages


def sent(body: bytes, encoding: str = "") -> dict[str, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-encoding", encoding.encode())] if encoding else []
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
    return asyncio.run(messages.body_of(Request(scope, receive)))


def test_zipped_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent(b'{"a": 1}') == sent(gzip.compress(b'{"a": 1}'), "gzip") == {"a": 1}
    assert sent(b"") == sent(b"", "gzip") == sent(b"[1]") == {}
    monkeypatch.setattr(messages, "MAX_BYTES", 1000)
    for wrong in (gzip.compress(b" " * 2000), gzip.compress(b"{}")[:-9], b"{}"):
        with pytest.raises(ValueError, match=r"not zipped|more than 1000 bytes"):
            sent(wrong, "gzip")
