"""What a session says of itself, to whoever reads the job's log."""

from __future__ import annotations


def tell(line: str) -> None:
    """A line of its own, at once."""
    print(line, flush=True)  # noqa: T201 - the driver's log is the job's output
