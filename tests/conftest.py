"""The servers every story plays on: started once, real, and gone at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from localstack.stack import LocalStack
from starter.delivery import SEARCH_ATTRIBUTES
from tests.stage import Stage, stage, world_process


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[LocalStack]:
    async with LocalStack(None, ui=False, search_attributes=SEARCH_ATTRIBUTES, processes=[world_process()]) as running:
        yield running


@pytest.fixture(scope="session")
async def scene(stack: LocalStack) -> AsyncIterator[Stage]:
    """One stage for all stories that do not break anything."""
    async with stage(stack) as built:
        yield built
