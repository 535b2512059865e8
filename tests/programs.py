"""What some tests need and a user's machine may lack."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """A test skips on a user's machine, and fails where RAYDP_REQUIRE_EXTRAS is set, as in CI."""
    if os.environ.get("RAYDP_REQUIRE_EXTRAS"):
        pytest.fail(reason)
    pytest.skip(reason)


def needed(*names: str, package: str) -> str:
    """Where the first of these is that is there; :func:`lacking` without any.

    :param package: Debian's, which has it.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    lacking(f"none of {', '.join(names)} is installed (Debian: apt-get install {package})")
