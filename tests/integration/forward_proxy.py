"""A proxy that leads every host to one port of this machine, for clients that know hosts of Snowflake only."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _serve(client: socket.socket, port: int) -> None:
    with client, contextlib.suppress(OSError):
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(65536)
        with socket.create_connection(("127.0.0.1", port)) as target:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pipe, args=(target, client), daemon=True)
            back.start()
            _pipe(client, target)
            back.join()


@contextlib.contextmanager
def forward_proxy(port: int) -> Iterator[str]:
    """The proxy's address, as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=_serve, args=(client, port), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
