"""Messages between the processes of a warm session: JSON objects, a line each, over Unix sockets."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

MAX_BYTES: Final = 8 * 1024**2
"""Of one message; a job's environment is the largest, and the kernel allows it less."""
FILES: Final = 3
"""Standard input, output and error."""


class Line:
    """One end of a connection.

    :param channel: is closed with it.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._rest = channel, b""

    @classmethod
    def to(cls, path: Path) -> Self:
        """A connection to who answers there.

        :raises OSError: nobody does.
        """
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            channel.connect(str(path))
        except OSError:
            channel.close()
            raise
        return cls(channel)

    def fileno(self) -> int:
        """For whoever waits for several."""
        return self._channel.fileno()

    def patience(self, seconds: float | None) -> None:
        """How long the other end may be silent in the middle of a message; None for ever."""
        self._channel.settimeout(seconds)

    def send(self, **message: Any) -> None:
        """Send a message.

        :raises OSError: the other end is gone.
        """
        self._channel.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """The next message; None where the other end is gone, or talks nonsense."""
        while b"\n" not in self._rest:
            try:
                piece = self._channel.recv(64 * 1024)
            except OSError:
                return None
            self._rest += piece
            if not piece or len(self._rest) > MAX_BYTES:
                return None
        text, _, self._rest = self._rest.partition(b"\n")
        try:
            message = json.loads(text)
        except ValueError:
            return None
        return message if isinstance(message, dict) else None

    def send_files(self, files: Sequence[int]) -> None:
        """Hand over open files, or none; the other end gets copies. It has to expect them: they come with a byte of their own.

        :raises OSError: the other end is gone.
        """
        socket.send_fds(self._channel, [b"F"], list(files))

    def receive_files(self) -> list[int]:
        """The open files that were handed over, fewer than announced where the other end is gone."""
        try:
            _, files, _, _ = socket.recv_fds(self._channel, 1, FILES)
        except OSError:
            return []
        return files

    def close(self) -> None:
        """Close it; the other end sees that."""
        self._channel.close()


def listen(path: Path) -> socket.socket:
    """Answer at a path from now on; what a dead process left there is taken away."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    return listener
