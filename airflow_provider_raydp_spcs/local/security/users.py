"""The account's users: what is kept of each, and how their credentials are checked (SPCS reference 4.2).

No answer tells whether a user exists: an unknown one is refused as a wrong password is, in the same time, and is locked
after as many attempts.
"""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections import OrderedDict
from typing import Any, Final

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security import key_pairs, passwords
from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
from airflow_provider_raydp_spcs.local.store import now

KIND: Final = "User"
MAX_FAILURES: Final = 5
LOCK_MINUTES: Final = 15
WITHOUT_PASSWORD: Final = frozenset({"SERVICE", "SERVICE_AGENT"})
"""Types of users that sign in with keys and tokens only."""
_MAX_UNKNOWN: Final = 10_000


class Users:
    """Users by name; the body of each is what CREATE USER and ALTER USER set."""

    def __init__(self, catalogue: Catalogue, accounts: frozenset[str] = frozenset()) -> None:
        """Look users up in a catalogue.

        :param accounts: names of the account that a signed token may be for.
        """
        self._catalogue, self._accounts = catalogue, accounts
        self._unknown: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def ensure_first(self, name: str, password: str, role: str, *, anew: bool) -> bool:
        """There is the user that everything else is made by; answer whether it was made now.

        :param anew: give it this password also where it is there.
        """
        is_new = not self._catalogue.has(KIND, name)
        if is_new:
            body = {"owner": role, "DEFAULT_ROLE": role, "DEFAULT_SECONDARY_ROLES": [], "LOGIN_NAME": name}
            self._catalogue.create(KIND, name, {**body, "PASSWORD": passwords.hashed(password)})
        elif anew:
            self._catalogue.change(KIND, name, PASSWORD=passwords.hashed(password), failures=0, locked_until=None)
        return is_new

    def find(self, name: str) -> dict[str, Any] | None:
        """What is kept of a user."""
        return self._catalogue.find(KIND, name)

    def by_login(self, login: str) -> str | None:
        """The name of the user who signs in with this name, in any case; None where nobody does."""
        wanted = login.upper()
        for name, body in self._catalogue.all(KIND):
            if str(body.get("LOGIN_NAME") or name).upper() == wanted:
                return name
        return None

    def may_go_on(self, name: str) -> bool:
        """Whether the user's sessions go on: it is there, and neither disabled nor expired."""
        body = self.find(name)
        return body is not None and _barred(body) is None

    def with_password(self, login: str, password: str) -> str:
        """Check a password; answer the user's name.

        :raises SnowflakeFault: 390100 wrong, 390102 locked after too many wrong ones, 390101 disabled, 390106 to be changed.
        """
        name = self.by_login(login)
        body = self._body(name, login)
        right = passwords.matches(password, body.get("PASSWORD")) and body.get("TYPE") not in WITHOUT_PASSWORD
        with self._lock:
            body = self._body(name, login)
            if minutes_left(body) is not None:
                raise _locked()
            if not right or name is None:
                self._count_failure(name, login, body)
                raise wrong_password()
        if fault := _barred(body):
            raise fault
        if body.get("MUST_CHANGE_PASSWORD"):
            text = "Specified password has expired.  Password must be changed using the Snowflake web console."
            raise SnowflakeFault(390106, "08001", text)
        self.came_in(name)
        return name

    def with_jwt(self, token: str) -> str:
        """Check a token signed with a private key; answer the user's name.

        :raises SnowflakeFault: 390144, whatever is wrong with it.
        """
        try:
            name = self._signer(token)
        except key_pairs.InvalidJwtError:
            raise SnowflakeFault(390144, "08001", f"JWT token is invalid. [{uuid.uuid4()}]") from None
        if fault := _barred(self.find(name) or {}):
            raise fault
        self.came_in(name)
        return name

    def _signer(self, token: str) -> str:
        account, login, digest = key_pairs.subject(token)
        name = self.by_login(login)
        body = self.find(name) if name else None
        if account.upper() not in self._accounts or name is None or body is None:
            raise key_pairs.InvalidJwtError("JWT_TOKEN_INVALID_USER_IN_ISSUER")
        keys = [body[key] for key in ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2") if body.get(key)]
        key_pairs.verify(token, digest, keys)
        return name

    def came_in(self, name: str) -> None:
        """Remember a sign-in that worked."""
        self._catalogue.change(KIND, name, failures=0, locked_until=None, last_success_login=now())

    def _body(self, name: str | None, login: str) -> dict[str, Any]:
        if name is not None:
            return self.find(name) or {}
        return self._unknown.get(login.upper(), {})

    def _count_failure(self, name: str | None, login: str, body: dict[str, Any]) -> None:
        failures = int(body.get("failures") or 0) + 1
        changed: dict[str, Any] = {"failures": failures}
        if failures >= MAX_FAILURES:
            changed = {"failures": 0, "locked_until": in_minutes(LOCK_MINUTES)}
        if name is not None:
            self._catalogue.change(KIND, name, **changed)
            return
        self._unknown[login.upper()] = changed
        self._unknown.move_to_end(login.upper())
        while len(self._unknown) > _MAX_UNKNOWN:
            self._unknown.popitem(last=False)


def in_minutes(minutes: float) -> str:
    """A moment in so many minutes, as objects keep it."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


def is_past(moment: str | None) -> bool:
    """Whether a moment is over; none never is."""
    return moment is not None and dt.datetime.fromisoformat(moment) <= dt.datetime.now(dt.UTC)


def minutes_left(body: dict[str, Any]) -> int | None:
    """Minutes for which the user is locked yet, or None."""
    until = body.get("locked_until")
    if until is None or is_past(until):
        return None
    return int((dt.datetime.fromisoformat(until) - dt.datetime.now(dt.UTC)).total_seconds() // 60) + 1


def wrong_password() -> SnowflakeFault:
    """What everybody hears who may not come in."""
    return SnowflakeFault(390100, "08001", "Incorrect username or password was specified.")


def _locked() -> SnowflakeFault:
    text = "User temporarily locked. Try again later, or contact your local system administrator."
    return SnowflakeFault(390102, "08001", text)


def _barred(body: dict[str, Any]) -> SnowflakeFault | None:
    if body.get("DISABLED") or is_past(body.get("expires_at")):
        return SnowflakeFault(390101, "08001", "User access disabled. Contact your local system administrator.")
    return None
