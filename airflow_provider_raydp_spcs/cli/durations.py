"""Lengths of time as people write them."""

from __future__ import annotations

import re
from typing import Final

from airflow_provider_raydp_spcs.cli.exit_codes import UsageError

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)\Z")


def seconds(text: str | None, option: str) -> int | None:
    """Whole seconds of ``90``, ``90s``, ``15m``, ``8h`` or ``2d``; None stays None.

    :raises UsageError: anything else.
    """
    if text is None:
        return None
    found = _DURATION.match(text.strip().lower())
    if not found:
        msg = f"{option} {text!r} is no length of time; write 90s, 15m, 8h or 2d"
        raise UsageError(msg)
    return int(float(found[1]) * _UNITS[found[2]])


def words(length: float | None) -> str | None:
    """Seconds for a table: ``1d 2h``, ``3h 05m``, ``4m 07s``, ``12s``."""
    if length is None:
        return None
    whole = max(0, int(length))
    for big, small, unit, part in ((86400, 3600, "d", "h"), (3600, 60, "h", "m"), (60, 1, "m", "s")):
        if whole >= big:
            return f"{whole // big}{unit} {whole % big // small:02d}{part}"
    return f"{whole}s"
