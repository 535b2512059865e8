"""What is typed, what becomes of it, and how it travels in an address."""

from __future__ import annotations

import pytest

from airflow_provider_raydp_spcs.cluster.config import ClusterConfig, HeadConfig, WorkerGroup
from airflow_provider_raydp_spcs.streamlit import navigation, words
from airflow_provider_raydp_spcs.streamlit.wishes import KEEP, GroupWish, Wish, check, wish_of

FULL = Wish(
    "DEMO", "CPU_X64_M", (GroupWish("worker", "HIGHMEM_X64_S", 3), GroupWish("gpu", "GPU_NV_S", 1)), "WH", "EAI_1, EAI_2",
    monitoring=True, notebook=True, life_hours=2, idle_action="drop", idle_minutes=30,
)  # fmt: skip


def test_a_wish_becomes_a_configuration_and_back() -> None:
    config = check(FULL).config
    assert config is not None
    assert (config.max_life_seconds, config.max_idle_seconds, config.idle_action) == (7200, 1800, "drop")
    assert config.external_access_integrations == ("EAI_1", "EAI_2")
    assert [group.is_spark for group in config.worker_groups] == [True, False]
    assert wish_of(config) == FULL
    assert navigation.from_text(navigation.to_text(config)) == FULL


def test_an_address_asks_for_nothing_that_the_form_does_not_show() -> None:
    config = ClusterConfig("DEMO", HeadConfig(image="/other/place/repo/image:1", env={"A": "b"}))
    assert (
        check(navigation.from_text(navigation.to_text(config))).config
        == check(Wish("DEMO", life_hours=0, idle_action=KEEP)).config
    )


def test_no_limits() -> None:
    config = check(Wish("DEMO", life_hours=0, idle_action=KEEP)).config
    assert config is not None
    assert (config.max_life_seconds, config.max_idle_seconds) == (None, None)
    assert navigation.to_text(ClusterConfig("DEMO")) == '{"name": "DEMO"}'


@pytest.mark.parametrize(
    ("wish", "field", "told"),
    [
        (Wish(), "name", "Give the cluster a name"),
        (Wish("a-b"), "name", "no plain Snowflake identifier"),
        (Wish("A" * 41), "name", "at most 40"),
        (Wish("C", warehouse="my wh"), "warehouse", "no plain Snowflake identifier"),
        (Wish("C", integrations="EAI_1; x"), "integrations", "EAI_1;"),
        (Wish("C", groups=(GroupWish("grafana"),)), "group_0_name", "are taken"),
        (Wish("C", groups=(GroupWish(""),)), "group_0_name", "Give the group a name"),
        (Wish("C", groups=(GroupWish(), GroupWish("Worker"))), "group_1_name", "another group"),
        (Wish("C", groups=(GroupWish(instance_family="GPU_NV_M", count=11),)), "group_0_count", "from 1 to 10"),
        (Wish("C", life_hours=9000), "", "max_life_seconds"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(wish: Wish, field: str, told: str) -> None:
    checked = check(wish)
    assert checked.config is None
    assert list(checked.problems) == [field]
    assert told in checked.problems[field]


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"name": 3}', '{"name": "A", "head": []}', "{" * 9999])
def test_an_address_may_hold_anything(text: str) -> None:
    with pytest.raises(navigation.UnreadableAddressError):
        navigation.from_text(text)


def test_a_foreign_text_is_no_markdown() -> None:
    assert words.plain("**a** [x](http://evil) :red[b] $c$ <i>") == (
        r"\*\*a\*\* \[x\]\(http\://evil\) \:red\[b\] \$c\$ \<i\>"
    )


def test_every_family_can_be_named() -> None:
    assert words.family("GPU_NV_M") == "GPU_NV_M · 44 vCPU, 178 GiB, 4 × A10G"
    assert HeadConfig("CPU_X64_XS").family.name in words.family("CPU_X64_XS")
    assert WorkerGroup().family.name in words.family("CPU_X64_S")
