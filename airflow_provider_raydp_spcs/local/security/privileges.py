"""Which privileges there are on which kind of object (SPCS reference 1.5, part 6 and part 7)."""

from __future__ import annotations

from typing import Final

_ACCOUNT_VERBS: Final = frozenset(
    {"APPLY", "ATTACH", "AUDIT", "BIND", "CREATE", "EXECUTE", "IMPORT", "MANAGE", "MODIFY", "MONITOR", "OVERRIDE", "PURCHASE",
     "READ", "RESOLVE"}
)  # fmt: skip
"""First words of rights on the account; there are more of them every year."""
_OUTER: Final = frozenset(
    {"USAGE", "MODIFY", "MONITOR", "APPLYBUDGET", "ADD SEARCH OPTIMIZATION", "IMPORTED PRIVILEGES"}
)
_TABLE: Final = frozenset(
    {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "EVOLVE SCHEMA", "APPLYBUDGET"}
)
_OF: Final = {
    "Compute pool": frozenset({"USAGE", "MONITOR", "OPERATE", "MODIFY", "APPLYBUDGET"}),
    "Service": frozenset({"USAGE", "MONITOR", "OPERATE"}),
    "Stage": frozenset({"READ", "WRITE", "USAGE"}),
    "Image repository": frozenset({"READ", "WRITE", "SERVICE READ", "SERVICE WRITE"}),
    "Warehouse": frozenset({"USAGE", "OPERATE", "MODIFY", "MONITOR", "APPLYBUDGET"}),
    "Database": _OUTER,
    "Schema": _OUTER,
    "Integration": frozenset({"USAGE", "USE_ANY_ROLE", "MONITOR"}),
    "Secret": frozenset({"READ", "USAGE"}),
    "File format": frozenset({"USAGE"}),
    "Network rule": frozenset({"USAGE"}),
    "Snapshot": frozenset({"USAGE"}),
    "Streamlit": frozenset({"USAGE"}),
    "Table": _TABLE,
    "View": _TABLE,
    "Role": frozenset[str](),
    "User": frozenset({"MONITOR", "MODIFY", "OPERATE", "IMPERSONATE", "MODIFY PROGRAMMATIC AUTHENTICATION METHODS"}),
}


def exists(privilege: str, kind: str) -> bool:
    """Whether there is such a privilege on objects of a kind; ``Account`` is one of them."""
    if kind not in _OF:
        return privilege == "ALL" or privilege.partition(" ")[0] in _ACCOUNT_VERBS
    makes = kind in ("Database", "Schema") and privilege.startswith("CREATE ")
    return privilege in ("ALL", "OWNERSHIP") or makes or privilege in _OF[kind]
