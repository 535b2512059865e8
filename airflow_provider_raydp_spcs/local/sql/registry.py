"""Which parser reads which statement. A statement is a dataclass, a parser and a handler, side by side in one module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.wire.answers import Answer, SessionFacts

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.security.access import Access
    from airflow_provider_raydp_spcs.local.services.platform import Platform
    from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
    from airflow_provider_raydp_spcs.local.stages.files import StageFiles


@dataclass(frozen=True)
class Context:
    """What a handler works with."""

    session: SessionFacts
    platform: Platform
    catalogue: Catalogue
    files: StageFiles
    access: Access
    made: list[tuple[str, str]] = field(default_factory=list)
    """Kind and name of what the statement is about to make."""

    @property
    def secondary_roles(self) -> frozenset[str]:
        """The roles that help the session's own: every one of its user's, or none."""
        session = self.session
        is_all = session.secondary_roles == "ALL" and not session.is_restricted
        return self.access.of_user(session.user, session.assigned_role) if is_all else frozenset()

    def needs(self, privilege: str, kind: str, name: str = "") -> None:
        """The session's role must have a privilege on an object (see :meth:`Access.require`).

        :raises SnowflakeFault: it has not.
        """
        self.access.require(self.session.role, privilege, kind, name, self.secondary_roles)

    def needs_to_create(self, kind: str, name: str, *, replace: bool = False) -> None:
        """The session's role must be allowed to make an object in its schema, and to take another's place.

        :raises SnowflakeFault: it is not.
        """
        self.needs(f"CREATE {kind.upper()}", "Schema", name.rpartition(".")[0])
        if replace:
            self.access.require_ownership_to_replace(self.session.role, kind, name)
        if replace or self.access.owner(kind, name) is None:
            self.made.append((kind, name))

    def sees(self, kind: str, name: str) -> bool:
        """Whether the session's role has any right on an object."""
        return self.access.sees(self.session.role, kind, name, self.secondary_roles)

    def has(self, privilege: str, kind: str, name: str = "") -> bool:
        """Whether the session has a privilege on an object."""
        return self.access.has(self.session.role, privilege, kind, name, self.secondary_roles)

    def owns(self, kind: str, name: str) -> bool:
        """Whether the session's roles own an object."""
        return self.has("OWNERSHIP", kind, name)


class Statement(Protocol):
    """A statement that was read and can be carried out."""

    def run(self, context: Context) -> Answer | None:
        """Carry it out; None where the statement was only checked, and the engine for tables carries it out.

        :raises SnowflakeFault: it cannot be.
        """
        ...


Parser = Callable[[Cursor], Statement]
_PARSERS: dict[tuple[str, ...], Parser] = {}
LONGEST = 6


def reads(*starts: str) -> Callable[[Parser], Parser]:
    """Register a parser for statements that start with these words; it gets the cursor behind them."""

    def register(parser: Parser) -> Parser:
        for start in starts:
            _PARSERS[tuple(start.split())] = parser
        return parser

    return register


def find(cursor: Cursor) -> Parser | None:
    """The parser with the longest matching start, the cursor moved behind it; None where the statement is not ours."""
    words = cursor.words(LONGEST)
    for length in range(len(words), 0, -1):
        parser = _PARSERS.get(words[:length])
        if parser is not None:
            cursor.take(*words[:length])
            return parser
    return None
