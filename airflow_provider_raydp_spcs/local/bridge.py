"""The server's second address: where real containers reach it, and nobody else is answered."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from airflow_provider_raydp_spcs.local.runtimes.network import Subnet

_IP_FREEBIND: Final = 15
"""Linux: listen on an address that the machine does not have yet. Engines give it when the first container starts."""
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def listen(subnet: Subnet, port: int) -> socket.socket:
    """Listen on the machine's address in the containers' network.

    :raises OSError: the port is taken there.
    """
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as the server's own listener
        listener.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        listener.bind((subnet.gateway, port))
    except OSError:
        listener.close()
        raise
    return listener


def for_containers_only(application: Application, subnet: Subnet) -> Application:
    """Refuse whoever comes to the second address from outside the containers' network.

    A machine answers at all of its addresses to everybody who finds a way to it; this leaves no other way in.
    """

    async def guarded(
        scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if scope["type"] == "http" and is_stranger(scope, subnet):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await application(scope, receive, send)

    return guarded


def is_stranger(scope: Scope, subnet: Subnet) -> bool:
    """Whether a request came to the containers' gateway from elsewhere."""
    server, client = scope.get("server"), scope.get("client")
    return bool(server and server[0] == subnet.gateway and not (client and client[0] in subnet))
