"""What people do to each other, and what becomes of it."""

from __future__ import annotations

import pytest

from domain.dispute import Phase
from domain.events import Confirmed, Decided, ExecutionBegan, Offered
from tests.stage import Stage
from tests.stories import quarrels
from tests.stories.acting import closed, happened, refunds, refusals
from tests.stories.quarrels import Answer
from tests.stories.repertoire import CELLS, Story


@pytest.mark.parametrize(
    ("story", "how", "paid"),
    [
        (quarrels.crossing_offers, "agreement", 5_000),
        (quarrels.claim_accepted, "acceptance", 15_000),
        (quarrels.offers_declined_then_accepted, "agreement", 8_000),
        (quarrels.long_talk, "agreement", 8_997),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
async def test_the_parties_agree(scene: Stage, story: Story, how: str, paid: int) -> None:
    case = await story(scene)
    dispute = await closed(case)
    assert (dispute.outcome, dispute.how) == ("settled", how)
    assert await refunds(case) == [("refund", paid)]


async def test_crossing_offers_settle_at_the_ask(scene: Stage) -> None:
    case = await quarrels.crossing_offers(scene)
    events = await happened(case)
    assert [event.type for event in events] == [
        "opened",
        "offered",
        "offered",
        "execution_began",
        "leg_settled",
        "closed",
    ]
    assert isinstance(events[1], Offered)
    assert events[1].answers
    assert events[3].rule == "negotiation.terms-met"
    assert isinstance(events[3], ExecutionBegan)
    assert events[3].accepted_offer_id == "o2"


async def test_offers_of_both_sides_in_one_second_meet(scene: Stage) -> None:
    case = await quarrels.offers_crossing_in_one_second(scene)
    assert [event.type for event in await happened(case)].count("offered") == 2
    assert await refunds(case) == [("refund", 5_000)]


@pytest.mark.parametrize(
    ("story", "phase"),
    [
        (quarrels.withdrawn_in_negotiation, Phase.NEGOTIATION),
        (quarrels.withdrawn_in_complaint, Phase.COMPLAINT),
        (quarrels.withdrawn_in_review, Phase.REVIEW),
        (quarrels.withdrawn_in_proposal, Phase.PROPOSAL),
    ],
)
async def test_the_buyer_may_withdraw_before_execution(scene: Stage, story: Story, phase: Phase) -> None:
    case = await story(scene)
    dispute = await closed(case)
    assert (dispute.outcome, dispute.how, dispute.waits) == ("withdrawn", "buyer", ())
    assert (await happened(case))[-1].rule == f"{phase}.withdrawn"
    assert await refunds(case) == []
    again = await scene.client.open(
        {"order_id": dispute.order.order_id, "lines": [{"line": 1}], "reason": "defective", "statement": "After all."},
        actor=case.buyer,
        key="again",
        test_clock=True,
    )
    assert [view.phase for view in again] == [Phase.NEGOTIATION]


@pytest.mark.parametrize(("buyer", "seller"), CELLS)
async def test_confirmation(scene: Stage, buyer: Answer, seller: Answer) -> None:
    case = await quarrels.confirmation(scene, buyer, seller)
    dispute = await closed(case)
    rules = {event.rule for event in await happened(case)}
    if "rejects" in (buyer, seller):
        assert (dispute.outcome, dispute.how) == ("partly_upheld", "appeal")
        assert {"proposal.rejected-to-appeal", "review.decided-finally", "review.appeal-decided"} <= rules
        assert await refunds(case) == [("refund", 9_000)]
        return
    silent = [side for side, answer in (("buyer", buyer), ("seller", seller)) if answer == "silent"]
    expected = f"proposal.deemed-{'both' if len(silent) == 2 else silent[0]}-silent" if silent else None
    assert (expected or "proposal.both-confirmed") in rules
    assert (dispute.outcome, dispute.how) == ("partly_upheld", "silence" if silent else "arbiter")
    assert await refunds(case) == [("refund", 7_000)]


async def test_both_sides_confirm_in_one_second(scene: Stage) -> None:
    case = await quarrels.both_confirm_in_one_second(scene)
    confirmed = [event.by.role for event in await happened(case) if isinstance(event, Confirmed)]
    assert sorted(confirmed) == ["buyer", "seller"]
    assert await refunds(case) == [("refund", 7_000)]
    assert await refusals(case) == []


async def test_an_appeal_is_decided_by_somebody_else(scene: Stage) -> None:
    case = await quarrels.appeal_decided(scene)
    dispute = await closed(case)
    assert (dispute.outcome, dispute.how) == ("dismissed", "appeal")
    assert [(decision.level, decision.arbiter_id) for decision in dispute.decisions] == [
        (1, "arbiter-1"),
        (2, "arbiter-2"),
    ]
    assert await refunds(case) == []


async def test_what_an_arbiter_may_not_do_is_refused_and_on_record(scene: Stage) -> None:
    case = await quarrels.review_with_refusals(scene)
    told = [entry.body["code"] for entry in await refusals(case)]
    assert told == [
        "taken_by_other",
        "taken_by_other",
        "stale_evidence",
        "decision_exceeds_disputed",
        "reasons_too_short",
        "not_your_role",
        "evidence_closed",
        "wrong_phase",
        "proposal_not_found",
        "already_confirmed",
        "already_confirmed",
    ]
    dispute = await closed(case)
    assert (dispute.outcome, dispute.how) == ("upheld", "arbiter")


async def test_a_decision_may_come_by_signal(scene: Stage) -> None:
    case = await quarrels.decided_by_signal(scene)
    (decided,) = [event for event in await happened(case) if isinstance(event, Decided)]
    assert (decided.by.id, decided.decision.resolution.amount.amount_minor) == ("arbiter-1", 7_000)
    assert "review.taken-by-deciding" in [event.rule for event in await happened(case)]
    (refused,) = await refusals(case)
    assert (refused.body["name"], refused.body["code"]) == ("decide", "stale_evidence")


async def test_a_refused_signal_is_seen_where_people_look(scene: Stage) -> None:
    case = await scene.open()
    await quarrels.signal_decision(case, "tool-1", {"amount": "much"})
    await quarrels.eventually_recorded(case, "bad_command")
    described = await case.handle.describe()
    details = (await described.static_details()) or ""
    assert "Goods" in details
    current = await case.handle.query("__temporal_workflow_metadata")
    assert "decision by somebody was refused: bad_command" in str(current)
    await case.act("withdraw", case.buyer)
