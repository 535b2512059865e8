"""The log tells where an error was, and not what it says."""

from __future__ import annotations

import logging
import sys

from airflow_provider_raydp_spcs.local.discreet_log import DiscreetFormatter


def test_messages_of_errors_are_left_out_and_places_are_not() -> None:
    hidden = "SELECT 'what nobody reads'"
    try:
        try:
            raise ValueError(hidden)
        except ValueError as error:
            raise KeyError(hidden) from error
    except KeyError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "what happened", (), sys.exc_info())
    text = DiscreetFormatter("%(levelname)s %(message)s").format(record)
    assert hidden not in text
    assert "ERROR what happened" in text
    assert "builtins.KeyError (its message is left out)" in text
    assert "builtins.ValueError (its message is left out)" in text
    assert "test_discreet_log.py" in text
