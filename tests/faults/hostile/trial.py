"""Trying a call with a value in one place: what was sent, what came back, and whether that is borne."""

from __future__ import annotations

import random
from typing import Any

from airflow.sdk.exceptions import AirflowException

from tests.faults.hostile.statements import Form, is_form, recording
from tests.faults.hostile.values import hostile, injected, texts_in
from tests.faults.hostile.world import Call, World

PACKAGE = "airflow_provider_raydp_spcs"


class Trials:
    """Many of them on one world, and how often what was seen.

    :param wrong: what must not be, in words.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._meant: dict[int, list[Form]] = {}
        self._ready: Call | None = None
        self.refused = self.refused_by_snowflake = self.done = self.arrived = 0
        self.wrong: list[str] = []

    @property
    def tried(self) -> int:
        return self.refused + self.refused_by_snowflake + self.done + len(self.wrong)

    def attempt(self, call: Call, parameter: str, chance: random.Random) -> None:
        """One value in one parameter."""
        meant = self._meant_by(call)
        self._reset(call)
        value = injected(call.harmless[parameter], hostile(chance), chance)
        where = f"{call.of}({parameter}) = {str(value)[:120]!r}"
        failure: Exception | None = None
        with recording() as sent:
            try:
                call.run(self._world, **{parameter: value})
            except Exception as error:
                failure = error
        if sent.texts:
            self._ready = None
        try:
            forms = sent.forms
        except AssertionError as error:
            self.wrong.append(f"{where}: {error}")
            return
        if failure is not None and not is_dedicated(failure):
            self.wrong.append(f"{where}: {type(failure).__name__}: {str(failure)[:200]}")
        elif not _are_meant(forms, meant, value, is_whole=failure is None, is_data=call.is_data):
            self.wrong.append(f"{where}: sent {[text[:300] for text in sent.texts]}, meant {meant}")
        elif not all(name.isascii() for names in sent.names for name in names):
            self.wrong.append(f"{where}: a name beyond ASCII in {sent.names}")
        elif failure is not None:
            self.refused += not sent.texts
            self.refused_by_snowflake += bool(sent.texts)
        else:
            self._has_arrived(call, parameter, value, where)

    def _meant_by(self, call: Call) -> list[Form]:
        """What is sent with harmless arguments."""
        if id(call) not in self._meant:
            call.reset(self._world)
            with recording() as sent:
                try:
                    call.run(self._world)
                except Exception as error:
                    if not is_dedicated(error):
                        raise
            self._meant[id(call)] = sent.forms
            self._ready = None
        return self._meant[id(call)]

    def _reset(self, call: Call) -> None:
        if self._ready is not call:
            call.reset(self._world)
        self._ready = call

    def _has_arrived(self, call: Call, parameter: str, value: Any, where: str) -> None:
        self.done += 1
        if (look := call.arrived.get(parameter)) is not None:
            self.arrived += 1
            if not _holds(found := look(self._world), value):
                self.done -= 1
                self.wrong.append(f"{where}: arrived as {str(found)[:200]!r}")


def is_dedicated(error: BaseException) -> bool:
    """Whether it was raised on purpose: by the package, or by Airflow for a connection that is not there."""
    kinds = type(error).__mro__
    return isinstance(error, AirflowException) or any(kind.__module__.startswith(PACKAGE) for kind in kinds)


def _are_meant(forms: list[Form], meant: list[Form], value: Any, *, is_whole: bool, is_data: bool) -> bool:
    given = {part.upper() for each in texts_in(value) for part in each.split(".")}
    if is_data:
        known = [*meant, ("ROLLBACK",)]
        return len(forms) <= len(known) and all(any(is_form(form, each, given) for each in known) for form in forms)
    if is_whole and len(forms) != len(meant):
        return False
    return len(forms) <= len(meant) and all(is_form(*both, given) for both in zip(forms, meant, strict=False))


def _holds(found: Any, value: Any) -> bool:
    """Whether what was found has every text of the value, as it is."""
    there = set(texts_in(found)) if not isinstance(found, str) else {found}
    return all(text in there for text in texts_in(value))
