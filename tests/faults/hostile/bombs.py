"""Texts of a few lines or kilobytes that stand for more than any machine holds, or that take a reader for ever."""

from __future__ import annotations

import random
from collections.abc import Iterator

LAUGHS = 12
DEEP = 20_000
LONG = 400_000


def bombs(chance: random.Random, image: str) -> Iterator[tuple[str, str]]:
    """What each is called, and its text, which is a specification but for the bomb."""
    name = f"x{chance.randrange(10**6)}"
    laughs = [f"{name}0: &{name}0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"{name}{at}: &{name}{at} [{', '.join([f'*{name}{at - 1}'] * 10)}]" for at in range(1, LAUGHS)]
    container = f"spec:\n  containers:\n  - name: main\n    image: {image}\n"
    last = f"*{name}{LAUGHS - 1}"
    bombed = "\n".join([*laughs, container])
    yield "a billion laughs beside the specification", bombed
    for place in (f"    env: {{A: {last}}}", f"    args: [{last}]", f"    args: {last}", f"    command: [a, {last}]"):
        yield f"a billion laughs in {place.strip().partition(':')[0]}", f"{bombed}{place}\n"
    merges = [f"- &{name}0 {{a: b}}"]
    merges += [f"- &{name}{at} {{<<: [{', '.join([f'*{name}{at - 1}'] * 10)}]}}" for at in range(1, LAUGHS)]
    yield "merged mappings", "x:\n" + "\n".join(merges) + f"\n{container}"
    yield "a list that holds itself", f"{container}    args: &a [*a]\n"
    yield "a mapping that holds itself", f"&a\n{container}    env: {{A: *a}}\n"
    for opening, kind in (
        ("[", "lists"),
        ("{a: ", "mappings"),
        ("- ", "lists in lines"),
        ("? ", "keys of keys"),
        ("!!set {", "sets"),
    ):
        yield (
            f"{kind} in {kind}",
            container + "    args: " * (opening != "- ") + "\n" * (opening == "- ") + opening * DEEP,
        )
    yield "a key of half a megabyte", f"{container}    env: {{? {'k' * LONG} : v}}\n" * 3
    yield "a million values", f"{container}    args: [{', '.join('0' * 300_000)}]\n"
    yield "a number of sixty to the power of a hundred thousand", f"{container}    args: [1{':59' * 100_000}]\n"
    yield "a number of half a million digits", f"{container}    args: [{'9' * LONG}]\n"
    yield "a hexadecimal number of half a million digits", f"{container}    args: [0x{'f' * LONG}]\n"
    yield "an exponent of half a million digits", f"{container}    args: [1.0e+{'9' * LONG}]\n"
    yield "spaces without an end", f"{container}    args: [{' ' * 1_100_000}]\n"
    yield "a tag that runs a program", f"{container}    args: !!python/object/apply:os.system ['touch bombed']\n"
