"""What can go wrong when talking to Snowflake, with Snowflake's own number and SQLSTATE.

Numbers and wordings are those of the SPCS reference, part 2.9.
"""

from __future__ import annotations

from typing import ClassVar


class SpcsError(Exception):
    """Root of everything this room raises on purpose.

    :param message: what is wrong, what is allowed, what to do next.
    :param number: Snowflake's error number (``errno``), where Snowflake raised it.
    :param sqlstate: the SQLSTATE beside it.
    """

    def __init__(self, message: str, number: int | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.number = number
        self.sqlstate = sqlstate


class StatementFailedError(SpcsError):
    """Snowflake refused a statement, for a reason that has no class of its own here."""

    numbers: ClassVar[frozenset[int]] = frozenset()


class ObjectDoesNotExistError(StatementFailedError):
    """An object is not there, or the role may not see it."""

    numbers = frozenset({2003, 2043})


class ObjectAlreadyExistsError(StatementFailedError):
    """An object of this name is there already."""

    numbers = frozenset({2002})


class InsufficientPrivilegesError(StatementFailedError):
    """The role lacks a privilege; ``SHOW GRANTS TO ROLE`` tells what it has."""

    numbers = frozenset({3001, 3013})


class SqlSyntaxError(StatementFailedError):
    """Snowflake could not read the statement."""

    numbers = frozenset({1003, 1420})


class LockConflictError(StatementFailedError):
    """Another transaction holds a lock for too long, or too many wait for it; roll back and try again.

    615 is a transaction aborted from outside, 625 too many waiters, 627 ``LOCK_TIMEOUT`` passed.
    """

    numbers = frozenset({615, 625, 627, 300002})


class InvalidSpecificationError(StatementFailedError):
    """A service specification breaks a rule; raised before sending, or by Snowflake."""

    numbers = frozenset({395018, 395069})


class CapacityError(StatementFailedError):
    """The compute pool cannot grow: the cloud has no node to give, or MAX_NODES is reached."""

    numbers = frozenset({392507, 392508})


class ImageNotUsableError(StatementFailedError):
    """The image repository has no such image, or one that does not run here; SHOW IMAGES tells what it has."""

    numbers = frozenset({397007, 397012, 397013})


class AuthenticationError(StatementFailedError):
    """Snowflake does not accept who we say we are."""

    numbers = frozenset({250001, 390100, 390101, 390144, 390189, 390303, 390422})


class SessionEndedError(StatementFailedError):
    """Snowflake let us in before, and the session has ended since; a new one may be begun with the same credentials."""

    numbers = frozenset({390104, 390111, 390112, 390113, 390114, 390115})


class NoWarehouseError(StatementFailedError):
    """A statement about a table needs a warehouse, and none is named, or it is suspended and does not resume by itself."""

    numbers = frozenset({606})


class NoCurrentSchemaError(StatementFailedError):
    """The session has no current database or schema: none is named, or the role may not use the one that is."""

    numbers = frozenset({90105, 90106})


class SnowflakeUnreachableError(SpcsError):
    """No answer from Snowflake: wrong host or port, no network, or an untrusted certificate."""


class LeaseTableMissingError(SpcsError):
    """The table of leases is not there, or the role may not see it; the message has the statement that makes it."""


class ClusterClosingError(SpcsError):
    """The last one out is deleting the cluster; try again when it is gone."""


class InvalidIdentifierError(SpcsError, ValueError):
    """A name cannot be used as a plain Snowflake identifier."""


class InvalidValueError(SpcsError, ValueError):
    """A property's value lies outside what Snowflake allows."""


class UnknownInstanceFamilyError(SpcsError, ValueError):
    """No instance family has this name."""


_BY_NUMBER: dict[int, type[StatementFailedError]] = {
    number: kind for kind in StatementFailedError.__subclasses__() for number in kind.numbers
}
_UNREACHABLE = frozenset({250003, 251001, 251011, 251012})


NAME_SCHEMA = (
    "Name both in the connection or in the cluster; where they are named, the role may not use them, and their owner runs:\n"
    "GRANT USAGE ON DATABASE <database> TO ROLE <role>;\nGRANT USAGE ON SCHEMA <database>.<schema> TO ROLE <role>;"
)
"""What to do where a session has no current database or schema."""
_NEXT: dict[int, str] = {
    392507: "Try again later, or take another instance family (SHOW COMPUTE POOL INSTANCE FAMILIES).",
    392508: (
        "Delete clusters that nobody uses (raydp-spcs cluster list), ask for fewer nodes, or let the pool grow: "
        "ALTER COMPUTE POOL <pool> SET MAX_NODES = <more>; a limit of the account is raised by Snowflake's support."
    ),
    390422: "A network policy keeps this machine's address out; an administrator can add it.",
}
"""What to do next, by number, where the class does not say it."""
_NEXT_OF_KIND: dict[type[StatementFailedError], str] = {
    ImageNotUsableError: (
        "Build and push this version's images: raydp-spcs images build && raydp-spcs images push. "
        "raydp-spcs doctor tells which are lacking."
    ),
    AuthenticationError: (
        "Sign in with another user, password, token or role: correct the connection; for the local Snowflake: "
        'eval "$(raydp-spcs local env)".'
    ),
    NoCurrentSchemaError: NAME_SCHEMA,
    SessionEndedError: "Try again: another try signs in anew.",
    NoWarehouseError: (
        "Name a warehouse that the role may use in the connection, and let it run: ALTER WAREHOUSE <warehouse> RESUME; so that "
        "it resumes by itself from now on: ALTER WAREHOUSE <warehouse> SET AUTO_RESUME = TRUE;"
    ),
}


def _kind(number: int, message: str) -> type[StatementFailedError]:
    # Snowflake documents no number for the victim of a deadlock, nor for an image of the wrong architecture.
    if number not in _BY_NUMBER and "deadlock" in message.lower():
        return LockConflictError
    if number not in _BY_NUMBER and "Failed to retrieve image" in message:
        return ImageNotUsableError
    return _BY_NUMBER.get(number, StatementFailedError)


def translate_sign_in(error: Exception) -> SpcsError:
    """The same for an error of signing in: then there is no session that could have ended, but a token that has expired."""
    found = translate(error)
    if not isinstance(found, SessionEndedError):
        return found
    told = str(found).removesuffix(_NEXT_OF_KIND[SessionEndedError]) + _NEXT_OF_KIND[AuthenticationError]
    return AuthenticationError(told, found.number, found.sqlstate)


def translate(error: Exception) -> SpcsError:
    """The error of this room for one that the connector or Snowpark raised.

    Works on anything with ``errno``/``sqlstate``/``msg`` (connector) or ``sql_error_code``/``raw_message`` (Snowpark).
    """
    number = getattr(error, "errno", None) or getattr(error, "sql_error_code", None)
    sqlstate = getattr(error, "sqlstate", None)
    message = str(getattr(error, "raw_message", None) or getattr(error, "msg", None) or error)
    # The connector has one number for "not let in" and for "nobody there".
    if number in _UNREACHABLE or (number == 250001 and "Could not connect" in message):
        hint = " Check host, port, network and, for a local Snowflake, REQUESTS_CA_BUNDLE (raydp-spcs local env)."
        return SnowflakeUnreachableError(message + hint, number, sqlstate)
    kind = _kind(number or 0, message)
    advice = _NEXT.get(number or 0) or _NEXT_OF_KIND.get(kind)
    return kind(f"{message}\n{advice}" if advice else message, number, sqlstate)
