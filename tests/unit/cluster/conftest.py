"""Fixtures of the tests of clusters."""

from __future__ import annotations

import pytest

from tests.unit.cluster.fakes import FakeClient


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()
