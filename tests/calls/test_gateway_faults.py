"""Every scripted fault against every call: what is raised, and whether it took effect."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from gateways.errors import GatewayError, Mismatch, OutcomeUnknown, Unavailable
from gateways.payments import RefundReceipt

READS = ["order", "parcel", "refund_lookup"]
ACTS = ["refund", "notice", "order_event"]
_numbers = count(1)


class Case:
    """One call of each kind on an order of its own, and its trace in the books."""

    def __init__(self, world: Any, gateways: Any) -> None:
        self.world, self.gateways = world, gateways
        self.order = world.put_order()
        self.dispute_id = f"dispute-{next(_numbers)}"
        self.key = f"{self.dispute_id}:refund"

    async def faulted(self, kind: str, fault: str, gateways: Any) -> GatewayError:
        """Makes one call go wrong; gives what it raised once the world has dealt with the call."""
        self.world.script(kind=kind, fault=fault, **({"delay_seconds": 30} if fault == "late" else {}))
        with pytest.raises(GatewayError) as raised:
            await self.call(kind, gateways)
        deadline = time.monotonic() + 10
        while not self.world.http.get("/script").json()["fired"]:
            assert time.monotonic() < deadline, "the call never came"
        return raised.value

    async def call(self, kind: str, gateways: Any = None) -> object:
        gateways = gateways or self.gateways
        order_id = self.order["order_id"]
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "order": lambda: gateways.orders.get(order_id, at=None),
            "parcel": lambda: gateways.carrier.parcel(f"par-{order_id}", "out", at=None),
            "refund": lambda: self.refund(gateways),
            "refund_lookup": lambda: gateways.payments.lookup(self.key, at=None),
            "notice": lambda: gateways.notices.send(
                f"{self.dispute_id}:notice",
                role="buyer",
                party_id="buyer-1",
                kind="opened",
                dispute_id=self.dispute_id,
                text={"zh-CN": "新的纠纷", "en": "A new dispute"},
                issued_at=datetime(2026, 11, 22, 8, tzinfo=UTC),
                at=None,
            ),
            "order_event": lambda: gateways.orders.tell(
                f"{self.dispute_id}:opened", "opened", self.dispute_id, order_id, {"reason": "late"}, at=None
            ),
        }
        return await calls[kind]()

    async def refund(self, gateways: Any = None) -> RefundReceipt:
        receipt: RefundReceipt = await (gateways or self.gateways).payments.refund(
            self.key, f"pay-{self.order['order_id']}", 2500, "CNY", self.key, at=None
        )
        return receipt

    def effects(self) -> int:
        books = self.world.books(dispute_id=self.dispute_id)
        return len(books["refunds"]) + len(books["notices"]) + len(books["order_events"])


@pytest.fixture
def case(world: Any, gateways: Any) -> Case:
    return Case(world, gateways)


@pytest.mark.parametrize(
    "fault", ["timeout_before", "timeout_after", "error_500", "error_500_after", "rate_limited", "garbage", "late"]
)
@pytest.mark.parametrize("kind", READS)
async def test_a_read_that_fails_is_unavailable(case: Case, hasty: Any, kind: str, fault: str) -> None:
    await case.refund()
    expected = await case.call(kind)
    error = await case.faulted(kind, fault, hasty)
    assert isinstance(error, Unavailable)
    assert error.retry_after == (1 if fault == "rate_limited" else None)
    again = await case.call(kind)
    assert type(again) is type(expected)
    assert len(case.world.http.get("/script").json()["fired"]) == 1


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ("timeout_before", OutcomeUnknown, 0),
        ("timeout_after", OutcomeUnknown, 1),
        ("error_500", OutcomeUnknown, 0),
        ("error_500_after", OutcomeUnknown, 1),
        ("rate_limited", Unavailable, 0),
        ("garbage", OutcomeUnknown, 1),
        ("late", OutcomeUnknown, 1),
    ],
)
@pytest.mark.parametrize("kind", ACTS)
async def test_an_act_that_fails(
    case: Case, hasty: Any, kind: str, fault: str, error: type[GatewayError], effects: int
) -> None:
    assert type(await case.faulted(kind, fault, hasty)) is error
    assert case.effects() == effects
    if kind == "refund":
        found = await case.gateways.payments.lookup(case.key, at=None)
        assert (found is not None) == bool(effects)
    await case.call(kind)
    assert case.effects() == 1, "the same key again never acts twice"


@pytest.mark.parametrize("kind", [*READS, *ACTS])
async def test_an_answer_that_is_late_but_in_time_is_an_answer(case: Case, kind: str) -> None:
    case.world.script(kind=kind, fault="late", delay_seconds=0.05)
    await case.call(kind)
    assert len(case.world.http.get("/script").json()["fired"]) == 1


async def test_another_amount_is_a_mismatch(case: Case) -> None:
    case.world.script(kind="refund", fault="other_amount")
    with pytest.raises(Mismatch, match="amount_minor 2501, asked was 2500"):
        await case.refund()
    assert case.effects() == 1


async def test_another_amount_in_a_look_up_is_found_by_require(case: Case) -> None:
    receipt = await case.refund()
    asked: dict[str, Any] = {
        "payment_id": receipt.payment_id,
        "currency": "CNY",
        "reference": case.key,
        "amount_minor": 2500,
    }
    receipt.require(**asked)
    case.world.script(kind="refund_lookup", fault="other_amount")
    found = await case.gateways.payments.lookup(case.key, at=None)
    with pytest.raises(Mismatch):
        found.require(**asked)
