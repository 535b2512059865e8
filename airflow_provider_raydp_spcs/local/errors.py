"""How the local Snowflake says no: number, SQLSTATE and wording of the real one (SPCS reference 2.9)."""

from __future__ import annotations


class LocalSnowflakeError(RuntimeError):
    """The local Snowflake cannot be started, stopped or used; the message says what to do."""


class SnowflakeFault(Exception):  # noqa: N818 - it is an answer to a client, not a defect
    """An answer ``success: false``.

    :param number: Snowflake's error number.
    :param sqlstate: the SQLSTATE beside it.
    """

    def __init__(self, number: int, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.sqlstate = sqlstate
        self.message = message


def does_not_exist(kind: str, name: str) -> SnowflakeFault:
    """The object is not there, or may not be seen."""
    return SnowflakeFault(2003, "02000", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def already_exists(name: str) -> SnowflakeFault:
    """An object of this name is there."""
    return SnowflakeFault(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def syntax_error(position: int, token: str, line: int = 1) -> SnowflakeFault:
    """The text cannot be read from here on."""
    text = f"SQL compilation error:\nsyntax error line {line} at position {position} unexpected '{token}'."
    return SnowflakeFault(1003, "42000", text)


def invalid_value(text: str) -> SnowflakeFault:
    """A property has a value that is not allowed."""
    return SnowflakeFault(1420, "22023", f"SQL compilation error:\n{text}")


def invalid_spec(text: str) -> SnowflakeFault:
    """A service specification breaks a rule."""
    return SnowflakeFault(395018, "22023", text)


def wrong_architecture(image: str, wanted: str) -> SnowflakeFault:
    """An image whose programs the pool's nodes cannot run; the number is one of those for image look-ups."""
    text = (
        f"Failed to retrieve image {image} from the image repository : SPCS only supports image for {wanted} architecture. "
        f"Please rebuild your image with '--platform linux/{wanted}' option"
    )
    return SnowflakeFault(397012, "02000", text)


def cannot(text: str) -> SnowflakeFault:
    """The operation is not possible in the object's present state."""
    return SnowflakeFault(2043, "02000", f"SQL compilation error:\n{text}")


def job_failed(name: str, status: str, reason: str) -> SnowflakeFault:
    """A job that a statement waited for did not end well; the number is that of failed statements in general."""
    text = f"Job {name} failed with status: {status}." + (f" {reason}." if reason else "")
    return SnowflakeFault(100000, "P0000", text)


def statement_cancelled() -> SnowflakeFault:
    """Somebody cancelled the statement."""
    return SnowflakeFault(604, "57014", "SQL execution canceled")


def internal_error() -> SnowflakeFault:
    """A defect of the local Snowflake itself; whoever answers it logs the reason."""
    text = "Processing aborted by an internal error of the local Snowflake; its log has the reason."
    return SnowflakeFault(370001, "XX000", text)


def unrendered_template(text: str) -> SnowflakeFault:
    """A specification template and the values for it do not go together."""
    return SnowflakeFault(395069, "23001", f"Unable to render service spec from given template: {text}")


def unsupported(what: str) -> SnowflakeFault:
    """The real Snowflake can do this, the local one cannot."""
    return SnowflakeFault(2, "0A000", f"Unsupported feature '{what}' (of the local Snowflake).")


def no_schema(verb: str) -> SnowflakeFault:
    """The session has no current schema and the name has none either."""
    text = f"Cannot perform {verb}. This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name."
    return SnowflakeFault(90106, "22000", text)


def no_database(verb: str) -> SnowflakeFault:
    """The session has no current database and the name has none either."""
    text = f"Cannot perform {verb}. This session does not have a current database. Call 'USE DATABASE', or use a qualified name."
    return SnowflakeFault(90105, "22000", text)


def insufficient_privileges(kind: str, name: str) -> SnowflakeFault:
    """The role sees the object and lacks the privilege."""
    text = f"SQL access control error:\nInsufficient privileges to operate on {kind.lower()} '{name}'."
    return SnowflakeFault(3001, "42501", text)


def not_assigned(role: str) -> SnowflakeFault:
    """The role is there, and not the user's."""
    text = (
        f"SQL access control error:\nRequested role '{role}' is not assigned to the executing user. "
        "Specify another role to activate."
    )
    return SnowflakeFault(3013, "42501", text)
