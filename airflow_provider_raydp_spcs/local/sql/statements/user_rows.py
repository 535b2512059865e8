"""Users as SHOW USERS and DESCRIBE USER tell of them; no secret is among it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, Final

from airflow_provider_raydp_spcs.local.security.users import minutes_left

_DESCRIPTIONS: Final = {
    "NAME": "Name",
    "COMMENT": "user comment associated to an object in the dictionary",
    "DISPLAY_NAME": "Display name of the associated object",
    "TYPE": "Type of the user",
    "LOGIN_NAME": "Login name of the user",
    "FIRST_NAME": "First name of the user",
    "MIDDLE_NAME": "Middle name of the user",
    "LAST_NAME": "Last name of the user",
    "EMAIL": "Email address of the user",
    "PASSWORD": "Password of the user",
    "MUST_CHANGE_PASSWORD": "User must change the password",
    "DISABLED": "Whether the entity is disabled",
    "SNOWFLAKE_LOCK": "Whether the user is locked by Snowflake",
    "SNOWFLAKE_SUPPORT": "Snowflake Support is allowed to use the user or account",
    "DAYS_TO_EXPIRY": "User record will be treated as expired after specified number of days",
    "MINS_TO_UNLOCK": "Temporary lock on the user will be removed after specified number of minutes",
    "DEFAULT_WAREHOUSE": "Default warehouse for this user",
    "DEFAULT_NAMESPACE": "Default database namespace prefix for this user",
    "DEFAULT_ROLE": "Primary principal of user session will be set to this role",
    "DEFAULT_SECONDARY_ROLES": "The secondary roles will be set to all roles provided here.",
    "EXT_AUTHN_DUO": "Whether Duo Security is enabled as second factor authentication",
    "EXT_AUTHN_UID": "External authentication ID of the user",
    "HAS_MFA": "Whether the user is enrolled in multi-factor authentication",
    "HAS_PAT": "Whether the user has a programmatic access token",
    "MINS_TO_BYPASS_MFA": "Temporary bypass MFA for the user for a specified number of minutes",
    "MINS_TO_BYPASS_NETWORK_POLICY": "Temporary bypass network policy on the user for a specified number of minutes",
    "RSA_PUBLIC_KEY": "RSA public key of the user",
    "RSA_PUBLIC_KEY_FP": "Fingerprint of user's RSA public key.",
    "RSA_PUBLIC_KEY_LAST_SET_TIME": "When the RSA public key was last set for the user",
    "RSA_PUBLIC_KEY_2": "Second RSA public key of the user",
    "RSA_PUBLIC_KEY_2_FP": "Fingerprint of user's second RSA public key.",
    "RSA_PUBLIC_KEY_2_LAST_SET_TIME": "When the second RSA public key was last set for the user",
    "PASSWORD_LAST_SET_TIME": "When the last password was set for the user",
}
_DEFAULTS: Final = {
    **dict.fromkeys(("MUST_CHANGE_PASSWORD", "DISABLED", "SNOWFLAKE_LOCK", "SNOWFLAKE_SUPPORT"), "false"),
    **dict.fromkeys(("EXT_AUTHN_DUO", "HAS_MFA", "HAS_PAT"), "false"),
    "DEFAULT_SECONDARY_ROLES": "[ALL]",
}


def described(name: str, body: dict[str, Any], has_token: bool) -> Iterator[dict[str, Any]]:
    """One row a property."""
    values = {
        **{key: body.get(key) for key in _DESCRIPTIONS},
        **{key: _truth(body.get(key)) for key in _DEFAULTS},
        "NAME": name,
        "TYPE": body.get("TYPE") or "PERSON",
        "PASSWORD": "********" if body.get("PASSWORD") else None,
        "PASSWORD_LAST_SET_TIME": body.get("password_set"),
        "DAYS_TO_EXPIRY": _days(body),
        "MINS_TO_UNLOCK": minutes_left(body),
        "DEFAULT_SECONDARY_ROLES": f"[{', '.join(body.get('DEFAULT_SECONDARY_ROLES') or ())}]",
        "HAS_PAT": _truth(has_token),
    }
    for key, description in _DESCRIPTIONS.items():
        value = values[key]
        default = _DEFAULTS.get(key, "null")
        yield {
            "property": key,
            "value": "null" if value is None else str(value),
            "default": default,
            "description": description,
        }


def shown(name: str, body: dict[str, Any], has_token: bool) -> dict[str, Any]:
    """The row of a user."""
    return {
        **{key.lower(): body.get(key) for key in _DESCRIPTIONS},
        "name": name,
        "created_on": body["created_on"],
        "mins_to_unlock": minutes_left(body),
        "days_to_expiry": _days(body),
        **{key: _truth(body.get(key.upper())) for key in ("disabled", "must_change_password")},
        **dict.fromkeys(("snowflake_lock", "ext_authn_duo", "has_mfa", "has_workload_identity"), "false"),
        "is_from_organization_user": "false",
        "default_secondary_roles": json.dumps(body.get("DEFAULT_SECONDARY_ROLES") or []),
        "owner": body["owner"],
        "last_success_login": body.get("last_success_login"),
        "expires_at_time": body.get("expires_at"),
        "locked_until_time": body.get("locked_until"),
        "has_password": _truth(body.get("PASSWORD")),
        "has_rsa_public_key": _truth(body.get("RSA_PUBLIC_KEY") or body.get("RSA_PUBLIC_KEY_2")),
        "type": body.get("TYPE") or "PERSON",
        "has_pat": _truth(has_token),
    }


def _truth(value: object) -> str:
    return "true" if value else "false"


def _days(body: dict[str, Any]) -> str | None:
    if not body.get("expires_at"):
        return None
    left = dt.datetime.fromisoformat(body["expires_at"]) - dt.datetime.now(dt.UTC)
    return str(left / dt.timedelta(days=1))
