"""Which function answers which call: scalar functions, methods of services, and what stands where a table would."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.sql.registry import Context

Arguments = Sequence[str | None]
"""Constants as texts; NULL as None, TRUE and FALSE in upper case."""


@dataclass(frozen=True)
class Scalar:
    """A function that answers one text.

    :param of_service: whether it is called as ``service!NAME(…)``; then the service's full name comes first.
    :param least: how many arguments at least, and at ``most``.
    """

    answer: Callable[[Context, Arguments], str]
    of_service: bool
    least: int
    most: int


@dataclass(frozen=True)
class Rows:
    """What a table function answers.

    :param columns: name → SQL type.
    :param time: the column that the arguments about time narrow.
    """

    columns: Mapping[str, str]
    rows: Iterable[Mapping[str, Any]]
    time: str


@dataclass(frozen=True)
class Table:
    """A function that answers rows; its time range and limit are applied by the engine for tables.

    :param start: the argument with the earliest time, and ``end`` with the latest.
    :param limit: the argument with the number of rows, if it has one.
    :param days: how far back it goes where no start is given.
    """

    answer: Callable[[Context, str], Rows]
    of_service: bool
    start: str = "START_TIME"
    end: str = "END_TIME"
    limit: str | None = None
    days: int = 1


@dataclass(frozen=True)
class Relation:
    """A table that is none of the engine's; its name stands where a table's does."""

    answer: Callable[[Context], Rows]


SCALARS: dict[str, Scalar] = {}
TABLES: dict[str, Table] = {}
RELATIONS: dict[str, Relation] = {}
"""By full name."""


def scalar(
    name: str, least: int, most: int, *, of_service: bool = False
) -> Callable[[Callable[[Context, Arguments], str]], Callable[[Context, Arguments], str]]:
    """Register a :class:`Scalar`."""

    def register(answer: Callable[[Context, Arguments], str]) -> Callable[[Context, Arguments], str]:
        SCALARS[name] = Scalar(answer, of_service, least, most)
        return answer

    return register


def table(
    name: str, *, of_service: bool = True, **about: Any
) -> Callable[[Callable[[Context, str], Rows]], Callable[[Context, str], Rows]]:
    """Register a :class:`Table`; the handler gets the service's full name, or an empty text."""

    def register(answer: Callable[[Context, str], Rows]) -> Callable[[Context, str], Rows]:
        TABLES[name] = Table(answer, of_service, **about)
        return answer

    return register


def relation(name: str) -> Callable[[Callable[[Context], Rows]], Callable[[Context], Rows]]:
    """Register a :class:`Relation` by its full name."""

    def register(answer: Callable[[Context], Rows]) -> Callable[[Context], Rows]:
        RELATIONS[name] = Relation(answer)
        return answer

    return register


def invalid_argument(name: str, value: object, allowed: str) -> SnowflakeFault:
    """An argument of a function is not allowed."""
    return SnowflakeFault(
        1044, "42P13", f"SQL compilation error:\nInvalid argument '{str(value)[:80]}' for function {name}; {allowed}"
    )


@dataclass(frozen=True)
class Call:
    """A call that was found in a statement.

    :param service: what stands before ``!``, as a name; None where nothing does.
    :param start: where it begins in the text, and where it ``end``s.
    :param named: arguments ``NAME => expression``, as they are written.
    """

    name: str
    service: str | None
    start: int
    end: int
    arguments: Arguments = ()
    named: Mapping[str, str] = field(default_factory=dict)
