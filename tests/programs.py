"""Programs that some tests need and a user's machine may lack."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(*names: str, package: str) -> str:
    """Where the first of these is that is there. Without any, a test skips on a user's machine, and fails where
    RAYDP_REQUIRE_EXTRAS is set, as in CI.

    :param package: Debian's, which has it.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"none of {', '.join(names)} is installed (Debian: apt-get install {package})"
    if os.environ.get("RAYDP_REQUIRE_EXTRAS"):
        pytest.fail(missing)
    pytest.skip(missing)
