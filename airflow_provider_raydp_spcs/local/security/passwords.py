"""Passwords at rest: only a slow hash with a salt of its own is kept."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any, Final

_COST: Final = 2**14
_BLOCK: Final = 8
_LANES: Final = 1
_SALT_BYTES: Final = 16
MIN_LENGTH: Final = 8


def hashed(password: str) -> dict[str, Any]:
    """What is kept of a password: salt, cost and hash (scrypt)."""
    salt = os.urandom(_SALT_BYTES)
    return {"salt": salt.hex(), "cost": _COST, "hash": _scrypt(password, salt, _COST).hex()}


def matches(password: str, kept: dict[str, Any] | None) -> bool:
    """Whether this is the password that was kept.

    :param kept: None where there is none; that takes as long as a wrong password, so that time tells nothing either.
    """
    if kept is None:
        _scrypt(password, b"\0" * _SALT_BYTES, _COST)
        return False
    found = _scrypt(password, bytes.fromhex(kept["salt"]), int(kept["cost"]))
    return hmac.compare_digest(found, bytes.fromhex(kept["hash"]))


def weakness(password: str) -> str | None:
    """Why Snowflake's own policy refuses a new password, or None: 8 characters with a digit, a small and a big letter."""
    if len(password) < MIN_LENGTH:
        return "Password is too short."
    lacking = [
        what
        for what, has in (
            ("digits", any(character.isdigit() for character in password)),
            ("lower case letters", any(character.islower() for character in password)),
            ("upper case letters", any(character.isupper() for character in password)),
        )
        if not has
    ]
    return f"Password has too few {lacking[0]}." if lacking else None


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    # surrogatepass: JSON may hold lone surrogates, which are a wrong password and no defect.
    text = password.encode(errors="surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=cost, r=_BLOCK, p=_LANES, dklen=32)
