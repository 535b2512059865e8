"""An error of Spark can be read after its JVM has ended."""

from __future__ import annotations

import traceback

import pytest

from airflow_provider_raydp_spcs.runtime.jvm_errors import words_kept


class Jvm:
    def __init__(self) -> None:
        self.lives = True


class JavaError(Exception):
    """Asks its JVM for its words, as py4j's errors do."""

    def __init__(self, jvm: Jvm) -> None:
        super().__init__()
        self.jvm = jvm

    def __str__(self) -> str:
        if not self.jvm.lives:
            raise ConnectionRefusedError
        return "java.lang.OutOfMemoryError: Java heap space"


JavaError.__module__ = "py4j.protocol"


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_its_words_stay_when_the_jvm_has_ended() -> None:
    jvm = Jvm()
    with pytest.raises(JavaError) as met, words_kept():
        raise JavaError(jvm)
    jvm.lives = False
    assert "py4j.protocol.JavaError: java.lang.OutOfMemoryError: Java heap space" in shown(met.value)


def test_so_do_those_of_what_led_to_another_error() -> None:
    jvm = Jvm()
    with pytest.raises(KeyError) as met, words_kept():
        raise KeyError("ours") from JavaError(jvm)
    jvm.lives = False
    assert "Java heap space" in shown(met.value)
    assert type(met.value) is KeyError


def test_of_a_dead_jvm_nothing_is_had() -> None:
    jvm = Jvm()
    jvm.lives = False
    with pytest.raises(JavaError) as met, words_kept():
        raise JavaError(jvm)
    assert "<exception str() failed>" in shown(met.value)
