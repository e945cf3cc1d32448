"""Fixtures of the core's tests: the shipped policy, and how random tests are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from domain.policy import Policy
from policies.shipped import load
from tests.core.casework import Case

settings.register_profile(
    "core",
    print_blob=True,
    derandomize=False,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("core")


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load()


@pytest.fixture
def case(policy: Policy) -> Callable[..., Case]:
    """Opens a dispute about goods in a state: `case("delivered", price=10_000)`."""

    def open_one(state: str = "delivered", **fields: Any) -> Case:
        return Case(policy, state, **fields)

    return open_one
