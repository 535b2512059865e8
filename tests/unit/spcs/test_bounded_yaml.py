"""YAML is measured before it is read: what stands for too much is refused, what PyYAML reads is read as it reads it."""

from __future__ import annotations

import pytest
import yaml

from airflow_provider_raydp_spcs.spcs import bounded_yaml
from airflow_provider_raydp_spcs.spcs.bounded_yaml import MAX_CHARACTERS, MAX_DEPTH, MAX_VALUES, BoundedYamlError

LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 9))])


@pytest.mark.parametrize(
    "text",
    ["", "a: 1", "[1, 2.5, null, true, x, 2013-01-01]", "a: &x {b: [1]}\nc: *x\nd: {<<: *x, e: 2}", "'x'", "{}",
     f"a: {'x' * 5000}", "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)],
)  # fmt: skip
def test_what_is_small_is_read_as_ever(text: str) -> None:
    assert bounded_yaml.load(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "stands for more than 100,000 values"),
        (f"{LAUGHS}\nb: {{<<: *a8}}", "stands for more than"),
        ("a: &a [*a]", "holds itself"),
        ("&a {b: *a}", "holds itself"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "more than 100 levels"),
        ("[" * 100_000, "more than 100 levels"),
        (f"[{'0,' * (MAX_VALUES + 1)}]", "more than 100,000 values"),
        ("x" * (MAX_CHARACTERS + 1), "at most 1,048,576"),
        (f"a: {'9' * 101}", "of the type int has 101 characters"),
        (f"a: 1{':59' * 1000}", "of the type int"),
        (f"a: 1.{'0' * 200}", "of the type float"),
        ("a: [", "no YAML"),
        ("a: !!python/object/apply:os.system [x]", "no YAML"),
        ("a: !!int x", "no YAML"),
        ("{[1]: 2}", "no YAML"),
        ("a: \x00", "no YAML"),
    ],
)
def test_what_is_not_read_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(BoundedYamlError, match=words):
        bounded_yaml.load(text)


def test_levels_are_counted_through_aliases() -> None:
    chain = "\n".join(["a0: &a0 [x]", *(f"a{at}: &a{at} [*a{at - 1}]" for at in range(1, MAX_DEPTH + 1))])
    with pytest.raises(BoundedYamlError, match="levels"):
        bounded_yaml.load(chain)
