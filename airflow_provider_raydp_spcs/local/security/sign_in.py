"""Who may come in: one user with a password, sessions' tokens, and tokens of services."""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.certificates import write_private

ORGANISATION: Final = "LOCALORG"
ACCOUNT: Final = "LOCAL"
USER: Final = "RAYDP"
SESSION_SECONDS: Final = 4 * 3600
INGRESS_SECONDS: Final = 3600
SERVICE_SECONDS: Final = 3600
"""A service's token is valid for an hour at most (SPCS reference 3.5)."""


@dataclass(frozen=True)
class Identity:
    """Who a token stands for; ``service`` is the service whose own user it is, if any."""

    user: str
    role: str
    service: str | None = None


@dataclass(frozen=True)
class _Issued:
    identity: Identity
    kind: str
    until: float


class SignIn:
    """Passwords and tokens. Tokens live in memory only: after a restart everybody signs in again."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "credentials.json"
        self._issued: dict[str, _Issued] = {}
        self._lock = threading.Lock()
        if not self._file.exists():
            write_private(self._file, json.dumps({"user": USER, "password": secrets.token_urlsafe(24)}).encode())
        self._password = str(json.loads(self._file.read_text())["password"])

    @property
    def password(self) -> str:
        """The user's password."""
        return self._password

    def check_password(self, user: str, password: str) -> None:
        """Let in or not.

        :raises SnowflakeFault: 390100, as Snowflake words it.
        """
        known = hmac.compare_digest(user.upper().encode(), USER.encode())
        if not (hmac.compare_digest(password.encode(), self._password.encode()) and known):
            raise SnowflakeFault(390100, "08001", "Incorrect username or password was specified.")

    def browser_token(self, user: str, password: str) -> str | None:
        """A token for the public endpoints alone, or None for a wrong user or password."""
        try:
            self.check_password(user, password)
        except SnowflakeFault:
            return None
        return self.issue(Identity(USER, ""), "browser", SESSION_SECONDS)

    def issue(self, identity: Identity, kind: str, seconds: float) -> str:
        """A new token of a kind: ``session``, ``master``, ``service``, ``transfer`` or ``browser``."""
        token = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            for old in [text for text, issued in self._issued.items() if issued.until < now]:
                del self._issued[old]
            self._issued[token] = _Issued(identity, kind, now + seconds)
        return token

    def identity(self, token: str, *kinds: str) -> Identity | None:
        """Whose token this is, if it is of one of the kinds and still valid."""
        with self._lock:
            issued = self._issued.get(token)
        if issued is None or issued.kind not in kinds or issued.until < time.monotonic():
            return None
        return issued.identity

    def forget(self, token: str) -> None:
        """End a token."""
        with self._lock:
            self._issued.pop(token, None)
