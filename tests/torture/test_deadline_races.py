"""Commands within milliseconds of a deadline, their intake held open: the receipt decides, and exactly one wins."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import pytest

from domain.commands import Actor
from domain.dispute import WaitKind
from localstack.stack import LocalStack
from starter.failures import Refused
from tests.stage import ARBITER, Case, Stage
from tests.torture.holding import held_intake
from tests.torture.short_clocks import short_policy
from tests.torture.staging import acknowledged, deadline, stage_under, verdict

RACES = 48
AT_ONCE = 12
OFFSETS_SECONDS = (-0.005, 0.005)
HOLDS_SECONDS = (0.0, 0.02, 0.2)


@dataclass(frozen=True)
class Command:
    """What races against a clock."""

    name: str
    fields: dict[str, Any]
    actor: Actor
    clock: WaitKind


async def an_offer(case: Case) -> Command:
    await case.act("offer", case.seller, terms={"amount": {"amount_minor": 4_000, "currency": "CNY"}})
    return Command("accept_offer", {"offer_id": "o1"}, case.buyer, WaitKind.OFFER)


async def a_claim(case: Case) -> Command:
    return Command("answer", {"verdict": "refuse", "reason": "It left us intact."}, case.seller, WaitKind.FIRST_ANSWER)


async def a_proposal(case: Case) -> Command:
    await case.act("answer", case.seller, verdict="refuse", reason="It left us intact.")
    await case.act("complain", case.buyer, statement="It did not.")
    await case.act("answer_complaint", case.seller, statement="It did.")
    await case.act("take", ARBITER)
    await case.act(
        "decide",
        ARBITER,
        amount={"amount_minor": 4_000, "currency": "CNY"},
        liable="seller",
        reason_code="partly_faulty",
        reasons="The photographs show a scratch on one of both sides, no more.",
        evidence_version=(await case.now()).evidence_version,
    )
    await case.act("confirm", case.seller, proposal_id="p1")
    return Command("confirm", {"proposal_id": "p1"}, case.buyer, WaitKind.CONFIRMATION)


CLOCKS = {"offer": an_offer, "first_answer": a_claim, "confirmation": a_proposal}


@dataclass(frozen=True)
class Race:
    """How one race went: `margin` is the receipt after the deadline, `delay` the receipt after its start (seconds)."""

    in_time: bool
    accepted: bool
    margin: float
    delay: float


async def race(case: Case, prepare: Callable[[Case], Awaitable[Command]], offset: float, hold: float) -> Race:
    """Receives the command `offset` seconds after the deadline and lets others see it `hold` seconds later."""
    command = await prepare(case)
    at = await deadline(case, command.clock)
    dsn = case.stage.settings.database_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        start_at = at.timestamp() + offset
        await asyncio.sleep(max(0.0, start_at - time.time()))
        async with held_intake(connection, case.id, command.name, command.fields, command.actor, "race") as received:
            await asyncio.sleep(hold)
    try:
        await case.stage.client.send(case.id, command.name, command.fields, actor=command.actor, key="race")
    except Refused:
        accepted = False
    else:
        accepted = True
    return Race(received <= at, accepted, _seconds(received, at), received.timestamp() - start_at)


def _seconds(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds()


@pytest.mark.parametrize("clock", CLOCKS)
async def test_the_receipt_decides_at_the_deadline(shaken: LocalStack, clock: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    dice = random.Random(seed)
    policy = short_policy(complain_after_opening="1ms", **{clock: "1500ms"})
    races: list[Race] = []
    async with stage_under(shaken, policy) as built:
        for _ in range(RACES // AT_ONCE):
            # Started earlier by what the stamp usually takes here, so that the receipts fall on both sides.
            lead = statistics.median(one.delay for one in races) if races else 0.0
            plans = [(dice.uniform(*OFFSETS_SECONDS) - lead, dice.choice(HOLDS_SECONDS)) for _ in range(AT_ONCE)]
            races += await asyncio.gather(*(_opened_and_raced(built, clock, *plan) for plan in plans))
        await acknowledged(built)
        findings = await verdict(built)
    in_time = sum(one.in_time for one in races)
    close = sum(abs(one.margin) <= 0.005 for one in races)
    sys.stdout.write(f"{in_time} of {len(races)} in time, {close} within 5 ms\n")
    assert findings == []
    assert [one for one in races if one.in_time != one.accepted] == []
    assert 0 < in_time < len(races), "all races fell on one side, so nothing was tried"


async def _opened_and_raced(built: Stage, clock: str, offset: float, hold: float) -> Race:
    return await race(await built.open(test_clock=False), CLOCKS[clock], offset, hold)
