"""Continue-as-new with updates in flight: the servers here ask for it after a few commands."""

from __future__ import annotations

import asyncio
import random
import sys

from temporalio.client import WorkflowExecution

from localstack.stack import LocalStack
from starter.delivery import workflow_id
from starter.failures import Refused
from tests.stage import ARBITER, Case, Stage
from tests.torture.short_clocks import short_policy
from tests.torture.staging import acknowledged, stage_under, verdict

DISPUTES = 3
COMMANDS = 70
AT_ONCE = 6


async def stream(case: Case, seed: int) -> int:
    """Sends commands of both sides, several at once, and each one twice; gives how many were refused."""
    dice = random.Random(f"{seed}:{case.id}")
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> bool:
        actor = dice.choice((case.buyer, case.seller, ARBITER))
        # The buyer always asks for more than the seller gives, or the first two offers would settle the dispute.
        amount = dice.randint(1, 100) + (1_000 if actor == case.buyer else 0)
        offer = {"terms": {"amount": {"amount_minor": amount, "currency": "CNY"}}}
        name, fields = ("offer", offer) if dice.random() < 0.3 else ("say", {"text": f"message {number}"})
        async with places:
            sends = [case.stage.client.send(case.id, name, fields, actor=actor, key=f"k{number}") for _ in range(2)]
            told = await asyncio.gather(*sends, return_exceptions=True)
        refused = [isinstance(answer, Refused) for answer in told]
        assert len(set(refused)) == 1, f"one key, two answers: {told}"
        assert all(refused) or told[0] == told[1], f"one key, two answers: {told}"
        return refused[0]

    return sum(await asyncio.gather(*(one(number) for number in range(COMMANDS))))


async def runs_of(built: Stage, case: Case) -> int:
    """How many runs the dispute's workflow has had, as visibility knows them."""
    found: list[WorkflowExecution] = []
    async for run in built.temporal.list_workflows(f"WorkflowId = '{workflow_id(case.id)}'"):
        found.append(run)
    return len({run.run_id for run in found})


async def test_no_update_is_lost_or_done_twice_when_runs_change(shaken: LocalStack) -> None:
    seed = random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    async with stage_under(shaken, short_policy()) as built:
        cases = [await built.open(test_clock=False, ask_minor=14_000) for _ in range(DISPUTES)]
        refused = await asyncio.gather(*(stream(case, seed) for case in cases))
        await acknowledged(built)
        findings = await verdict(built)
        runs = [await runs_of(built, case) for case in cases]
        for case, refusals in zip(cases, refused, strict=True):
            entries = await built.client.timeline(case.id)
            assert len({entry.command_id for entry in entries}) == COMMANDS + 1
            assert sum(entry.kind == "refusal" for entry in entries) == refusals
    sys.stdout.write(f"runs {runs}, refused {refused}\n")
    assert findings == []
    assert min(runs) >= 3, "the runs did not change often enough to try anything"
