"""Names and values that somebody might give who means harm, or who just has odd data; drawn from the run's seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

SQL: Final = (
    "'", "''", '"', '""', "$$", "$$; DROP TABLE CANARY; $$", ";", "; DROP TABLE CANARY", "'; DROP TABLE CANARY; --",
    '"; DROP TABLE CANARY; --', "\\'; DROP TABLE CANARY; --", "\\", "\\\\'", "a' OR '1'='1", "') OR ('1'='1", "--", "-- x\n",
    "/*", "*/", "/* x */", "a/*'*/b", "//", "?", ":1", "%s", "%%s", "%(a)s", "%d %", "100%", "x ->> SELECT 1", "IDENTIFIER('CANARY')",
    "(SELECT 1)", "CANARY; DROP SERVICE CANARY", "X IN COMPUTE POOL Y", "a b", "1a", "a-b", "A.B.C.D", ".", "..", "a..b", '"a"."b"',
    "@~", "@%CANARY", "@CANARY/../..", "=>", "x'; SELECT SYSTEM$WAIT(600); --", "&x", "$x", "!x",
)  # fmt: skip
UNICODE: Final = (
    "СANARY", "CАNАRY", "ｆｕｌｌ", "ﬁrst", "ſtar", "ı", "İ", "ß", "’; DROP TABLE CANARY; --", "ʼ", "＇", "；", "‘x’", "Ω", "漢字", "😀",
    "e\u0301", "\u202eYRANAC", "a\u200bb", "\ufeffx", "a\u00a0b", "\u2028", "\u0085", "\ud800", "x\udfff", "\ud83d", "\U0010ffff",
    "a\u0000b", "\u0000", "\x01", "\x1b[31m", "\x7f", "\r\n", "\n", "\t", "a\nb", " a", "a ", "\n; DROP TABLE CANARY",
)  # fmt: skip
OTHERS: Final = (
    "{{ x }}", "{{ 7 * 7 }}", "{% for x in (1).__class__.__mro__ %}x{% endfor %}", "{{ var.value.secret }}", "{# x #}", "${HOME}",
    "$(touch CANARY)", "`touch CANARY`", "| touch CANARY", "&& touch CANARY", "> CANARY", "~", "*", "[a", "a?", "-rf", "--force",
    "../../etc/passwd", "/etc/passwd", "..\\..\\x", "C:\\x", "file:///etc/passwd", "http://127.0.0.1:1/x", "//evil/x", "x?y=1#z", "%2e%2e%2f",
    "- a: &a [*a]", "*alias", "&anchor x", "!!python/object/apply:os.system ['touch CANARY']", "a: b", "[", "{", "null", "true", "1e9", "0x10",
    "~null", "# x", "| x", "> x", "---", "...", "<script>", "[bold]x[/]", "x\\n", "%0a", "=1+1",
)  # fmt: skip
LONG: Final = 10_000


def hostile(chance: random.Random) -> str:
    """One value: of a kind by itself, two that are joined, or 10 kB of them."""
    some = [chance.choice(chance.choice((SQL, UNICODE, OTHERS)))]
    how = chance.random()
    if how < 0.3:
        some.append(chance.choice(chance.choice((SQL, UNICODE, OTHERS))))
        some.insert(chance.randrange(2), chance.choice(("X", "name", "_", "A1")))
    text = "".join(some)
    return (text * (LONG // len(text) + 1))[:LONG] if how > 0.95 else text


def injected(harmless: Any, value: str, chance: random.Random) -> Any:
    """The harmless argument with the value in one of the places where it holds something."""
    if isinstance(harmless, dict):
        key = chance.choice(list(harmless))
        if chance.random() < 0.5 and isinstance(harmless[key], str):
            return {**{name: each for name, each in harmless.items() if name != key}, value: harmless[key]}
        return {**harmless, key: injected(harmless[key], value, chance)}
    if isinstance(harmless, list | tuple):
        at = chance.randrange(len(harmless))
        return type(harmless)(
            injected(each, value, chance) if number == at else each for number, each in enumerate(harmless)
        )
    return value


def texts_in(value: Any) -> Iterator[str]:
    """Every text that an argument holds."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, str):
        yield value
