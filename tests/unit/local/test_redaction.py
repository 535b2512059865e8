"""What is told again of a statement has no secret."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.local.sql.redaction import redacted


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CREATE USER A PASSWORD = 'x''y\\'z' EMAIL = 'e'", "CREATE USER A PASSWORD = '********' EMAIL = 'e'"),
        ("alter user a set password=$$x'$$ comment='c'", "alter user a set password='********' comment='c'"),
        ('CREATE USER A PASSWORD = "x y" DISABLED = TRUE', "CREATE USER A PASSWORD = '********' DISABLED = TRUE"),
        ("CREATE SECRET S SECRET_STRING = 'never closed", "CREATE SECRET S SECRET_STRING = '********'"),
        (
            "CREATE STAGE S CREDENTIALS = (AWS_SECRET_KEY = 'k')",
            "CREATE STAGE S CREDENTIALS = (AWS_SECRET_KEY = '********')",
        ),
        ("ALTER USER A ROTATE PROGRAMMATIC ACCESS TOKEN T", "ALTER USER A ROTATE PROGRAMMATIC ACCESS TOKEN T"),
        ("SELECT 'password' FROM T WHERE A = 'x'", "SELECT 'password' FROM T WHERE A = 'x'"),
    ],
)
def test_values_of_secret_properties_are_stars(text: str, told: str) -> None:
    assert redacted(text) == told
