"""Servers for the tests that break things; workflows on them continue as new after a few commands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from localstack.stack import LocalStack
from starter.delivery import SEARCH_ATTRIBUTES
from tests.stage import world_process

EVENTS_A_RUN = 60


@pytest.fixture(scope="session")
async def shaken() -> AsyncIterator[LocalStack]:
    async with LocalStack(
        None,
        ui=False,
        search_attributes=SEARCH_ATTRIBUTES,
        processes=[world_process()],
        dynamic_config={"limit.historyCount.suggestContinueAsNew": EVENTS_A_RUN},
    ) as running:
        yield running
