"""Which differences between this package and a cluster's images are refused, which are told, and with what words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from airflow_provider_raydp_spcs.jobs import versions
from airflow_provider_raydp_spcs.jobs.calls import Versions
from airflow_provider_raydp_spcs.jobs.errors import JobNotFoundError, VersionMismatchError
from airflow_provider_raydp_spcs.jobs.versions import check_versions, cluster_versions
from airflow_provider_raydp_spcs.retries import HOPELESS


@pytest.mark.parametrize(
    ("own", "theirs", "first"),
    [
        ("0.2.0", "0.1.9", "Either build and push images of 0.2.0"),
        ("1.0.0", "0.9.0", "Either build and push"),
        ("0.2.0", "0.3.0", "Either pin the provider to the cluster's version"),
        ("1.9.0", "1.10.0", "Either pin the provider"),
        ("1.2.0", "nonsense", "Either build and push"),
    ],
)
def test_another_minor_version_is_refused_with_both_versions_and_the_next_step(
    monkeypatch: pytest.MonkeyPatch, own: str, theirs: str, first: str
) -> None:
    monkeypatch.setattr(versions, "__version__", own)
    with pytest.raises(VersionMismatchError) as caught:
        check_versions(Versions(theirs, "3.11"), "C", print)
    text = str(caught.value)
    assert f"airflow-provider-raydp-spcs {own}, but the images of cluster C have {theirs}. {first}" in text
    assert "image_tag" in text


@pytest.mark.parametrize(
    ("own", "theirs", "is_told"),
    [("1.2.3", "1.2.3", False), ("1.2.3", "1.2.4", True), ("1.2.0rc1", "1.2.0", True), ("1.2", "1.2.5", True)],
)
def test_another_patch_level_is_told_only(
    monkeypatch: pytest.MonkeyPatch, own: str, theirs: str, is_told: bool
) -> None:
    monkeypatch.setattr(versions, "__version__", own)
    told: list[str] = []
    check_versions(Versions(theirs, "3.11"), "C", told.append)
    assert [f"{own}, and cluster C has {theirs}" in line for line in told] == [True] * is_told


@dataclass
class Head:
    answer: Versions | None

    def versions(self) -> Versions:
        if self.answer is None:
            msg = "nothing here"
            raise JobNotFoundError(msg)
        return self.answer


def test_an_image_that_is_too_old_to_tell_is_refused_as_well() -> None:
    found = Versions("1.0.0", "3.11")
    assert cluster_versions(Head(found), "C") is found  # type: ignore[arg-type]
    with pytest.raises(VersionMismatchError, match=r"cluster C does not tell its versions.*Either build and push"):
        cluster_versions(Head(None), "C")  # type: ignore[arg-type]


def test_no_retry_is_wasted_on_it() -> None:
    assert VersionMismatchError in HOPELESS
