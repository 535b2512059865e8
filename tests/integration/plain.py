"""A local Snowflake whose services run one shell command each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.local_snowflake import local_snowflake

COMMANDS = {
    "web": "echo listening; exec sleep 3000",
    "work": "echo worked",
    "crash": "echo out of luck; exit 3",
}
"""What is in the images of the repository that the set-up SQL makes, each with the tag 1."""


@contextmanager
def plain_snowflake() -> Iterator[dict[str, str]]:
    """See :func:`tests.local_snowflake.local_snowflake`."""
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        for name, command in COMMANDS.items():
            image = Path(folder) / name
            image.mkdir()
            (image / "Dockerfile").write_text(f'FROM scratch\nENTRYPOINT ["/bin/sh", "-c", "{command}"]\n')
        with local_snowflake(Path(folder)) as environment:
            yield environment
