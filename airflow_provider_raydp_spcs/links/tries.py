"""The links of every try, in the task state store: Airflow drops a task's XComs when its next try starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

KEY: Final = "raydp_links"
MAX_TRIES: Final = 50
"""Links of older tries are forgotten, so that the record stays small."""


class State(Protocol):
    """Something that outlives a try, such as Airflow's task state store."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        ...


def keep(state: State, try_number: int, targets: Mapping[str, str]) -> None:
    """Remember links of a try, beside what is known of it and of others.

    :param targets: link's key → where it leads.
    """
    tries = _tries(state.get(KEY)) or {}
    number = str(try_number)
    before = tries.get(number, {})
    if before == {**before, **targets}:
        return
    tries[number] = {**before, **targets}
    state.set(KEY, {"tries": {each: tries[each] for each in sorted(tries, key=int)[-MAX_TRIES:]}})


def of_try(record: Any, try_number: int) -> dict[str, str] | None:
    """Link's key → where it led in a try; None where ``record`` is not what :func:`keep` wrote."""
    tries = _tries(record)
    return None if tries is None else tries.get(str(try_number), {})


def _tries(record: Any) -> dict[str, dict[str, str]] | None:
    found = record.get("tries") if isinstance(record, dict) else None
    return dict(found) if isinstance(found, dict) else None
