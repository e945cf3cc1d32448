"""The relay goes by `acknowledged`: an `open` is answered at birth, and still somebody must start its workflow."""

from __future__ import annotations

import pytest

from domain.commands import Actor, Role
from gateways.carrier import Carrier
from gateways.orders import OrderSystem
from localstack.stack import LocalStack
from starter.opening import OpeningDesk
from starter.relay_inbox import InboxRelay
from store import inbox
from tests.stage import Stage, put_order
from tests.torture.short_clocks import short_policy
from tests.torture.staging import left_to_the_relay, stage_under, verdict
from tests.torture.taking_away import source_without


async def opened_by_a_dead_client(built: Stage) -> None:
    """Stores an opening, as intake does, for a client that is killed before it starts the workflow."""
    order_id = await put_order(built.world)
    claim = {"order_id": order_id, "lines": [{"line": 1}], "reason": "not_as_described", "statement": "Not this."}
    async with OrderSystem(built.settings.world_url) as orders, Carrier(built.settings.world_url) as carrier:
        desk = OpeningDesk(built.database, orders, carrier, short_policy(), test_clocks=False)
        buyer = Actor(role=Role.BUYER, id=f"buyer-{order_id[-6:]}")
        await desk.open(claim, actor=buyer, key="k1", test_clock=False)


@pytest.mark.parametrize("guarded", [True, False])
async def test_an_opening_whose_client_died_is_started(
    shaken: LocalStack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        by_answered = source_without(inbox, "lease", "where i.acknowledged_at is null", "where i.answered_at is null")
        monkeypatch.setattr(inbox, "lease", by_answered)
    async with stage_under(shaken, short_policy()) as built:
        await opened_by_a_dead_client(built)
        await left_to_the_relay(built)
        delivered = await InboxRelay(built.database, built.temporal, built.settings).deliver_due()
        findings = await verdict(built)
    assert delivered == guarded
    assert {finding.rule for finding in findings} == (set() if guarded else {"acknowledged", "started"}), findings
