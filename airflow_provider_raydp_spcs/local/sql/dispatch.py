"""From the text of a statement to its answer."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_raydp_spcs.local.errors import SnowflakeFault
from airflow_provider_raydp_spcs.local.security.access import Access
from airflow_provider_raydp_spcs.local.security.sign_in import ORGANISATION
from airflow_provider_raydp_spcs.local.sql import registry, statements
from airflow_provider_raydp_spcs.local.sql.calls import answer_calls
from airflow_provider_raydp_spcs.local.sql.current import replace_current
from airflow_provider_raydp_spcs.local.sql.cursor import Cursor
from airflow_provider_raydp_spcs.local.sql.inline import mentions_any, rewrite, spell_identifiers
from airflow_provider_raydp_spcs.local.sql.mentions import check_mentions
from airflow_provider_raydp_spcs.local.wire.answers import Answer, RewriteAnswer, SessionFacts

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.services.platform import Platform
    from airflow_provider_raydp_spcs.local.sql.catalogue import Catalogue
    from airflow_provider_raydp_spcs.local.stages.files import StageFiles


class Dispatcher:
    """Answers the statements about containers, stages and administration; tables are somebody else's."""

    def __init__(self, platform: Platform, catalogue: Catalogue, files: StageFiles) -> None:
        self._platform, self._catalogue, self._files = platform, catalogue, files
        self.access = Access(catalogue, platform.owner, platform.account)
        for module in pkgutil.iter_modules(statements.__path__, f"{statements.__name__}."):
            importlib.import_module(module.name)

    def answer(self, text: str, bindings: Sequence[object], session: SessionFacts) -> Answer | None:
        """The answer, or None where the statement is not one of ours.

        :raises SnowflakeFault: it is one of ours and cannot be read or carried out.
        """
        try:
            cursor = Cursor(text, bindings)
        except SnowflakeFault:
            return None  # whoever reads it next has the better message
        context = registry.Context(session, self._platform, self._catalogue, self._files, self.access)
        parser = registry.find(cursor)
        answer = parser(cursor).run(context) if parser else answer_calls(text, bindings, context)
        for kind, name in context.made:
            self.access.made(kind, name)
        if parser is None and isinstance(answer, RewriteAnswer):
            # What was put in for calls is the engine's to run, with all else that the statement names.
            text, bindings = answer.sql, bindings if answer.keeps_bindings else ()
            cursor = Cursor(text, bindings)
        elif answer is not None:
            return answer
        spelled = spell_identifiers(cursor, bindings)
        used, left = spelled.used, [*range(1, len(bindings) + 1)]
        changed = spelled.sql != cursor.source
        if changed:
            left = [number for number in left if number not in used]
            cursor = Cursor(spelled.sql, [bindings[number - 1] for number in left])
        check_mentions(cursor.tokens, context)
        written = spelled.sql if changed else text
        found = rewrite(cursor, [bindings[number - 1] for number in left], context) if mentions_any(text) else None
        if found is not None:
            written, used = found.sql, used | {left[number - 1] for number in found.used}
        current = replace_current(written, self._facts(session)) or written
        if current is text:
            return answer
        return RewriteAnswer(
            current,
            keeps_bindings=answer is None or answer.keeps_bindings,
            sources=found.sources if found else (),
            used=frozenset(used),
        )

    def _secondary(self, session: SessionFacts) -> str:
        is_all = session.secondary_roles == "ALL" and not session.is_restricted
        others = sorted(self.access.of_user(session.user, session.assigned_role) - {session.role}) if is_all else []
        return json.dumps({"roles": ",".join(others), "value": "ALL" if is_all else ""}, separators=(",", ":"))

    def _facts(self, session: SessionFacts) -> dict[str, str | None]:
        return {
            "CURRENT_ROLE": session.role,
            "CURRENT_DATABASE": session.database,
            "CURRENT_SCHEMA": session.schema,
            "CURRENT_USER": session.user,
            "CURRENT_WAREHOUSE": session.warehouse,
            "CURRENT_ACCOUNT": self._platform.account,
            "CURRENT_ACCOUNT_NAME": self._platform.account,
            "CURRENT_ORGANIZATION_NAME": ORGANISATION,
            "CURRENT_SECONDARY_ROLES": self._secondary(session),
        }
