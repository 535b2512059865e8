"""Tables that a statement names, wherever it does."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.local.sql.cursor import tokens_of
from airflow_provider_raydp_spcs.local.sql.mentions import _names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT a, b FROM x.y.z, A.B.C t, d WHERE q IN (1, 2) ORDER BY m, n", ["X.Y.Z", "A.B.C", "D"]),
        ("SELECT a FROM t, LATERAL FLATTEN(input => x, y) GROUP BY c, d", ["T"]),
        ("MERGE INTO a USING b ON x WHEN MATCHED THEN UPDATE SET c = 1, d = 2", ["A", "B"]),
        ("SELECT * FROM (SELECT 1, 2) x, s.t JOIN u ON a = b, v", ["S.T", "U", "V"]),
        ("SELECT * FROM t, 'x', (SELECT 1 FROM a, b)", ["T", "A", "B"]),
        ("DELETE FROM t USING a, b WHERE c", ["T", "A", "B"]),
        ('SELECT "FROM", x FROM "a"."b".c', ["a.b.C"]),
        ("SELECT a IS DISTINCT FROM b, c FROM t", ["T"]),
        ("INSERT INTO t (a, b) VALUES (1, 2), (3, 4)", ["T"]),
    ],
)
def test_every_table_is_found(text: str, names: list[str]) -> None:
    assert {".".join(name) for name in _names(tokens_of(text))} == set(names)
