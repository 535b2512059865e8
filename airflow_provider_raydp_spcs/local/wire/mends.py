"""What fakesnow 0.12 gets wrong and this package needs right, mended in this one place."""

from __future__ import annotations

from typing import Any


def mend_fakesnow() -> None:
    """Apply every mend; call it once, before the first session."""
    _null_timestamps()


def _null_timestamps() -> None:
    """NULL timestamps arrive at clients as 1970-01-01, for the struct that stands for them is never NULL itself."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from fakesnow import arrow

    original = arrow.timestamp_to_sf_struct

    def with_nulls(column: Any) -> Any:
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        made = original(pc.fill_null(whole, pa.scalar(0, whole.type)))
        return pa.StructArray.from_arrays(made.flatten(), fields=list(made.type), mask=pc.is_null(whole))

    arrow.timestamp_to_sf_struct = with_nulls
