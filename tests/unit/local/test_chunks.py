"""How large results are cut into parts."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.local.wire.chunks import CHUNK_BYTES, INLINE_BYTES, parts


@pytest.mark.parametrize(
    ("rows", "each"),
    [(0, 8), (1, 10**9), (5, INLINE_BYTES // 5), (6, INLINE_BYTES // 5), (1_000_003, 100), (40, CHUNK_BYTES)],
)
def test_every_row_is_in_one_part(rows: int, each: int) -> None:
    found = parts(rows, rows * each)
    assert [start for start, _ in found] == [sum(count for _, count in found[:index]) for index in range(len(found))]
    assert sum(count for _, count in found) == rows
    assert all(count * each <= CHUNK_BYTES or count == 1 for _, count in found)
    assert (len(found) == 1) == (rows * each <= INLINE_BYTES or rows == 1)
