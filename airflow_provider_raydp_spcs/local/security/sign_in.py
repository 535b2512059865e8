"""Who may come in: users by their credentials, and the tokens that stand for them afterwards."""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.access_tokens import AccessTokens, Presented, invalid_token
from airflow_provider_raydp_spcs.local.security.certificates import write_private
from airflow_provider_raydp_spcs.local.security.users import Users
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue

ORGANISATION: Final = "LOCALORG"
ACCOUNT: Final = "LOCAL"
ACCOUNTS: Final = frozenset({ACCOUNT, f"{ORGANISATION}-{ACCOUNT}"})
"""The names that the account has."""
USER: Final = "RAYDP"
"""The first user, who may do everything and makes the others."""
CREDENTIALS: Final = "credentials.json"
"""The file with the first user's first password."""
SESSION_SECONDS: Final = 3600
"""For how long a session's token is good; then the client renews it."""
SERVICE_SECONDS: Final = 3600
"""A service's token is valid for an hour at most (SPCS reference 3.5)."""
BROWSER_SECONDS: Final = 4 * 3600
HINT: Final = "ver:3-hint:71253309446-"
"""How tokens of sessions begin, as Snowflake's do: whoever looks for them where they should not be finds each by it."""
_HINTED: Final = frozenset({"session", "master", "endpoint"})


@dataclass(frozen=True)
class Identity:
    """Who a token stands for.

    :param role: the role to begin with.
    :param service: the service whose own user it is, if any.
    :param is_restricted: whether it may take no other role.
    :param host: the only host of a public endpoint that it is good for, if any.
    """

    user: str
    role: str
    service: str | None = None
    is_restricted: bool = False
    host: str | None = None


@dataclass(frozen=True)
class _Issued:
    identity: Identity
    kind: str
    until: float


class SignIn:
    """Credentials and tokens. Tokens live in memory only: after a restart everybody signs in again."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.users = Users(catalogue, ACCOUNTS)
        self.access_tokens = AccessTokens(catalogue, self.users)
        self._issued: dict[str, _Issued] = {}
        self._lock = threading.Lock()

    def with_password(self, login: str, password: str) -> Identity:
        """Who signs in with a password, or with a programmatic access token in its place.

        :raises SnowflakeFault: nobody who may.
        """
        presented = self.access_tokens.check(password, login)
        return self._presented(presented) if presented else self._user(self.users.with_password(login, password))

    def with_jwt(self, token: str) -> Identity:
        """Who signs in with a key pair.

        :raises SnowflakeFault: nobody who may.
        """
        return self._user(self.users.with_jwt(token))

    def with_access_token(self, token: str, login: str | None = None) -> Identity:
        """Who signs in with a programmatic access token.

        :raises SnowflakeFault: nobody who may.
        """
        presented = self.access_tokens.check(token, login)
        if presented is None:
            raise invalid_token()
        return self._presented(presented)

    def browser_token(self, user: str, password: str) -> str | None:
        """A token for the public endpoints alone, or None for a wrong user or password."""
        try:
            return self.issue(self.with_password(user, password), "browser", BROWSER_SECONDS)
        except SnowflakeFault:
            return None

    def at_endpoint(self, token: str) -> Identity | None:
        """Who knocks at a public endpoint: a session's token, one made for endpoints, or a programmatic access token."""
        identity = self.identity(token, "session", "browser", "endpoint")
        if identity is None:
            presented = self.access_tokens.check(token)
            return self._of(presented) if presented else None
        return identity if self.may_go_on(identity) else None

    def may_go_on(self, identity: Identity) -> bool:
        """Whether whoever came in may still be there; the users of services are no users of the account."""
        return identity.service is not None or self.users.may_go_on(identity.user)

    def issue(self, identity: Identity, kind: str, seconds: float) -> str:
        """A new token of a kind: ``session``, ``master``, ``service``, ``transfer``, ``browser`` or ``endpoint``."""
        token = f"{HINT if kind in _HINTED else ''}{secrets.token_urlsafe(32)}"
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

    def extend(self, token: str, seconds: float) -> None:
        """Let a token live on from now; one that has ended stays ended."""
        with self._lock:
            issued = self._issued.get(token)
            if issued is not None and issued.until >= time.monotonic():
                self._issued[token] = replace(issued, until=time.monotonic() + seconds)

    def forget(self, token: str) -> None:
        """End a token."""
        with self._lock:
            self._issued.pop(token, None)

    def _user(self, name: str) -> Identity:
        body = self.users.find(name) or {}
        return Identity(name, str(body.get("DEFAULT_ROLE") or "PUBLIC"))

    def _presented(self, presented: Presented) -> Identity:
        self.users.came_in(presented.user)
        return self._of(presented)

    def _of(self, presented: Presented) -> Identity:
        if presented.role is not None:
            return Identity(presented.user, presented.role, is_restricted=True)
        return self._user(presented.user)


def kept_password(folder: Path) -> str | None:
    """The password that the first user was made with; None where nobody keeps it any more."""
    file = folder / CREDENTIALS
    return str(json.loads(file.read_text())["password"]) if file.exists() else None


def first_password(folder: Path) -> tuple[str, bool]:
    """The password that the first user is made with, and whether it was made up just now.

    It is kept for the user's own clients, in a file that only they may read; the account itself keeps a hash alone.
    """
    kept = kept_password(folder)
    if kept is not None:
        return kept, False
    # Snowflake's policy wants a digit, a small and a big letter; a random text nearly always has them.
    password = f"{secrets.token_urlsafe(24)}aA1"
    write_private(folder / CREDENTIALS, json.dumps({"user": USER, "password": password}).encode())
    return password, True
