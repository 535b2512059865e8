"""Programmatic access tokens: made by ALTER USER … ADD PROGRAMMATIC ACCESS TOKEN, shown once (SPCS reference 4.2).

A token is random and long, so that a plain SHA-256 of it is enough at rest.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault, does_not_exist
from airflow_provider_raydp_spcs.local.security.users import Users, in_minutes, is_past
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue

KIND: Final = "Programmatic access token"
DEFAULT_DAYS: Final = 15
MAX_DAYS: Final = 365
MAX_TOKENS: Final = 15
MINUTES_A_DAY: Final = 24 * 60
_BYTES: Final = 48


@dataclass(frozen=True)
class Presented:
    """Who a token stands for.

    :param role: the only role that it may be used with, or None.
    """

    user: str
    role: str | None


class AccessTokens:
    """Tokens of users; the name of each is unique for its user."""

    def __init__(self, catalogue: Catalogue, users: Users) -> None:
        self._catalogue, self._users = catalogue, users

    def add(self, user: str, name: str, *, days: int, role: str | None, by: str, comment: str = "") -> str:
        """Make a token; answer the secret, which nobody can ever read again.

        :raises SnowflakeFault: the user has as many as they may have, or one of this name.
        """
        if sum(not is_past(body["expires_at"]) for _, body in self.of(user)) >= MAX_TOKENS:
            text = f"User '{user}' cannot have more than {MAX_TOKENS} programmatic access tokens; remove one first."
            raise SnowflakeFault(2043, "02000", f"SQL compilation error:\n{text}")
        secret = secrets.token_urlsafe(_BYTES)
        body = {
            "user": user,
            "name": name,
            "role": role,
            "days": days,
            "expires_at": in_minutes(days * MINUTES_A_DAY),
            "hash": _hash(secret),
            "COMMENT": comment,
            "by": by,
        }
        self._catalogue.create(KIND, _key(user, name), body)
        return secret

    def rotate(self, user: str, name: str, *, hours: int) -> tuple[str, str]:
        """Give a token a new secret; answer it, and the name under which the old one lives on.

        :param hours: for how long the old secret is good yet, at most until it would have expired.
        """
        old = self.get(user, name)
        ends = min(old["expires_at"], in_minutes(hours * 60))
        number = 1 + sum(body["name"].startswith(f"{name}_ROTATED_") for _, body in self.of(user))
        rotated = f"{name}_ROTATED_{number}"
        self._catalogue.create(KIND, _key(user, rotated), {**old, "name": rotated, "expires_at": ends})
        secret = secrets.token_urlsafe(_BYTES)
        self._catalogue.change(
            KIND, _key(user, name), hash=_hash(secret), expires_at=in_minutes(old["days"] * MINUTES_A_DAY)
        )
        return secret, rotated

    def get(self, user: str, name: str) -> dict[str, Any]:
        """What is kept of a token.

        :raises SnowflakeFault: there is none.
        """
        body = self._catalogue.find(KIND, _key(user, name))
        if body is None:
            raise does_not_exist(KIND, name)
        return body

    def has(self, user: str, name: str) -> bool:
        """Whether the user has a token of this name."""
        return self._catalogue.has(KIND, _key(user, name))

    def change(self, user: str, name: str, values: dict[str, Any]) -> None:
        """Change fields of a token; ``name`` renames it."""
        body = {**self.get(user, name), **values}
        if body["name"] != name:
            self._catalogue.create(KIND, _key(user, body["name"]), body)
            self._catalogue.drop(KIND, _key(user, name), if_exists=True)
        else:
            self._catalogue.change(KIND, _key(user, name), **values)

    def remove(self, user: str, name: str) -> None:
        """Forget a token.

        :raises SnowflakeFault: there is none.
        """
        self.get(user, name)
        self._catalogue.drop(KIND, _key(user, name), if_exists=True)

    def rename_user(self, old: str, new: str) -> None:
        """A user has another name now."""
        for _, body in list(self.of(old)):
            self._catalogue.create(KIND, _key(new, body["name"]), {**body, "user": new}, replace=True)

    def forget(self, user: str) -> None:
        """A user is gone, and the tokens with it."""
        for key, _ in list(self.of(user)):
            self._catalogue.drop(KIND, key, if_exists=True)

    def of(self, user: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every token of a user."""
        return ((key, body) for key, body in self._catalogue.all(KIND) if body["user"] == user)

    def check(self, secret: str, login: str | None = None) -> Presented | None:
        """Who presents a secret, or None where it is none, has expired, is disabled, or its user may not come in.

        :param login: the name that the client signs in with, where it gives one; another user's token is no good.
        """
        wanted = _hash(secret)
        for _, body in self._catalogue.all(KIND):
            # Comparing hashes of random secrets: how long it takes tells nothing about any of them.
            if body["hash"] != wanted:
                continue
            user = str(body["user"])
            is_other = bool(login) and self._users.by_login(str(login)) != user
            if is_other or body.get("DISABLED") or is_past(body["expires_at"]) or not self._users.may_go_on(user):
                return None
            return Presented(user, body["role"])
        return None


def invalid_token() -> SnowflakeFault:
    """A token that lets nobody in."""
    return SnowflakeFault(394400, "08001", "Programmatic access token is invalid.")


def _key(user: str, name: str) -> str:
    return f"{user}.{name}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
