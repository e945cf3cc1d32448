"""The commit's guards against a worker that died between its commit and its task; each is also taken away."""

from __future__ import annotations

import pytest

from domain.dispute import WaitKind
from localstack.stack import LocalStack
from starter.failures import Refused
from starter.relay_inbox import InboxRelay
from tests.torture.short_clocks import short_policy
from tests.torture.staging import (
    acknowledged,
    committed_by_a_dead_worker,
    deadline,
    left_to_the_relay,
    passed,
    stage_under,
    until,
    verdict,
)
from tests.torture.taking_away import sql_without

KNOWN = """    if received.answer is not null then
      return jsonb_build_object(
        'kind', 'known', 'answer', received.answer, 'entries', events_after(which, expected));
    end if;
"""

BEHIND = """  if head.version > expected then
    return jsonb_build_object('kind', 'behind', 'entries', events_after(which, expected));
  end if;
"""


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_command_that_comes_twice_is_committed_once(shaken: LocalStack, guarded: bool) -> None:
    async with stage_under(shaken, short_policy()) as built:
        if not guarded:
            await sql_without(built, "commit_entries", KNOWN)
        case = await built.open(test_clock=False)
        await committed_by_a_dead_worker(case, "say", {"text": "once"}, case.buyer, "k1")
        await left_to_the_relay(built)
        await InboxRelay(built.database, built.temporal, built.settings).deliver_due()
        await acknowledged(built)
        findings = await verdict(built)
        said = [event for event in await built.client.timeline(case.id) if event.body["type"] == "said"]
    assert len(said) == (1 if guarded else 2)
    assert bool(findings) is not guarded, findings


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_worker_that_is_behind_catches_up_and_decides_again(shaken: LocalStack, guarded: bool) -> None:
    async with stage_under(shaken, short_policy()) as built:
        if not guarded:
            await sql_without(built, "commit_entries", BEHIND)
        case = await built.open(test_clock=False)
        await committed_by_a_dead_worker(case, "withdraw", {}, case.buyer, "k1")
        if guarded:
            with pytest.raises(Refused, match="closed"):
                await case.act("say", case.seller, text="too late")
        else:
            await case.act("say", case.seller, text="too late")
        await left_to_the_relay(built)
        await InboxRelay(built.database, built.temporal, built.settings).deliver_due()
        await acknowledged(built)
        findings = await verdict(built, workflows=guarded)
    rules = {finding.rule for finding in findings}
    assert rules == set() if guarded else "judged_by_receipt" in rules, findings


async def test_a_stored_answer_told_again_still_brings_the_workflow_along(shaken: LocalStack) -> None:
    """Whoever is told a stored answer has not got it from the workflow, which may know nothing of it."""
    async with stage_under(shaken, short_policy()) as built:
        case = await built.open(test_clock=False)
        await committed_by_a_dead_worker(case, "answer", {"verdict": "accept"}, case.seller, "k1")
        told = await built.client.send(case.id, "answer", {"verdict": "accept"}, actor=case.seller, key="k1")
        assert told.events == ("execution_began",)
        await left_to_the_relay(built)
        relay = InboxRelay(built.database, built.temporal, built.settings)

        async def closed() -> bool:
            await relay.deliver_due()
            return (await case.now()).closed_at is not None

        await until(closed, "the refund to be made and the dispute to be closed")
        await acknowledged(built)
        assert await verdict(built) == []


async def test_a_worker_that_is_behind_settles_the_deadlines_it_did_not_know_of(shaken: LocalStack) -> None:
    """The offer and its clock are news to the workflow; the acceptance was received after that clock had run out."""
    offered = {"terms": {"amount": {"amount_minor": 4_000, "currency": "CNY"}}}
    async with stage_under(shaken, short_policy(offer="500ms")) as built:
        case = await built.open(test_clock=False)
        await committed_by_a_dead_worker(case, "offer", offered, case.seller, "k1")
        await passed(case, await deadline(case, WaitKind.OFFER))
        with pytest.raises(Refused, match="lapsed"):
            await case.act("accept_offer", case.buyer, offer_id="o1")
        assert {finding.rule for finding in await verdict(built)} <= {"acknowledged"}
