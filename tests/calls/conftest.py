"""One running world, and gateways to it: patient ones, and hasty ones for calls that will be held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateways.carrier import Carrier
from gateways.notices import Notices
from gateways.orders import OrderSystem
from gateways.payments import PaymentProvider
from tests.world.running import RunningWorld

_PATIENT_SECONDS = 10.0
_HASTY_SECONDS = 0.25


@dataclass(frozen=True)
class Gateways:
    orders: OrderSystem
    carrier: Carrier
    payments: PaymentProvider
    notices: Notices


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    world = RunningWorld(tmp_path_factory.mktemp("world"))
    yield world
    assert world.stop() == 0
    assert "Traceback" not in world.said


@pytest.fixture
def world(shared_world: RunningWorld) -> RunningWorld:
    shared_world.http.put("/script", json={"calls": []}).raise_for_status()
    return shared_world


@pytest.fixture(scope="session")
async def gateways(shared_world: RunningWorld) -> AsyncIterator[Gateways]:
    async with _gateways(shared_world.url, _PATIENT_SECONDS) as patient:
        yield patient


@pytest.fixture(scope="session")
async def hasty(shared_world: RunningWorld) -> AsyncIterator[Gateways]:
    async with _gateways(shared_world.url, _HASTY_SECONDS) as hasty:
        yield hasty


@asynccontextmanager
async def _gateways(url: str, total_seconds: float) -> AsyncIterator[Gateways]:
    async with (
        OrderSystem(url, total_seconds=total_seconds) as orders,
        Carrier(url, total_seconds=total_seconds) as carrier,
        PaymentProvider(url, total_seconds=total_seconds) as payments,
        Notices(url, total_seconds=total_seconds) as notices,
    ):
        yield Gateways(orders, carrier, payments, notices)
