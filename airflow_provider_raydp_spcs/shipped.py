"""Where the files that are no Python code lie: ``images``, ``sql`` and ``dags``.

In a clone they stand beside the package, in an installed wheel inside it (``_shipped``), so that the command line
works from both.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


class ShippedFilesMissingError(FileNotFoundError):
    """A folder that every clone and every wheel holds is not there."""


def shipped_constraints() -> Path:
    """Path of ``constraints.txt``: the versions that this package was tested with."""
    candidates = (_PACKAGE / "_shipped" / "constraints.txt", _PACKAGE.parent / "constraints.txt")
    return next((each for each in candidates if each.is_file()), candidates[0])


def shipped(folder: str) -> Path:
    """Path of a shipped folder.

    :param folder: ``images``, ``sql`` or ``dags``.
    :raises ShippedFilesMissingError: neither the wheel's nor the clone's folder exists.
    """
    candidates = (_PACKAGE / "_shipped" / folder, _PACKAGE.parent / folder)
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    looked = " and ".join(str(candidate) for candidate in candidates)
    msg = f"The folder {folder!r} of airflow-provider-raydp-spcs is missing (looked at {looked}); install it again"
    raise ShippedFilesMissingError(msg)
