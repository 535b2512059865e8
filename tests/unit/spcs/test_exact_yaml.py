"""What is written as YAML is read as it was."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_raydp_spcs.spcs import exact_yaml

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\x85\u2028\u2029\ufeff\n\t")
)


@given(st.dictionaries(TEXTS, st.lists(TEXTS)))
def test_every_text_comes_back(whole: dict[str, list[str]]) -> None:
    assert yaml.safe_load(exact_yaml.dump(whole)) == whole


@pytest.mark.parametrize("text", ["\x85" * 300, "| xA1\x85", "\ufeffa", "a\u2028b", "é", "naïve: #"])
def test_what_yaml_takes_for_line_breaks_stays_a_character(text: str) -> None:
    assert yaml.safe_load(exact_yaml.dump({"command": ["a", text]})) == {"command": ["a", text]}


def test_other_texts_stay_readable() -> None:
    assert exact_yaml.dump({"name": "é", "of": ["b", "a"]}) == "name: é\nof:\n- b\n- a\n"
