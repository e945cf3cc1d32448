"""The forecast against what really happens when nobody acts, from anywhere that random people lead a dispute."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import example, given, settings

from domain.commands import Answer, Reject, Role
from domain.deadlines import lapse
from domain.deciding import decide
from domain.dispute import Dispute, How, Outcome, Phase
from domain.execution import leg_settled
from domain.forecast import Silence, forecast, silence_means
from domain.outlook import allowed_actions, whose_turn
from tests.outlook.conftest import (
    DECIDED_AT,
    OPENED_AT,
    PEOPLE,
    SELLER,
    Intent,
    folded,
    in_proposal,
    in_review,
    intents,
    led,
    opened,
    situations,
)


def left_alone(dispute: Dispute, now: datetime) -> tuple[Dispute, list[tuple[datetime, str, Phase]]]:
    """A world in which nobody acts for 70 days and the provider pays at once; what it did, and where it ended."""
    happened: list[tuple[datetime, str, Phase]] = []
    end = now + timedelta(days=70)
    while dispute.phase is not Phase.CLOSED:
        if dispute.phase is Phase.EXECUTION and dispute.settlement:
            for leg in dispute.settlement.legs:
                dispute = folded(dispute, leg_settled(dispute, leg.leg, "paid", now))
            continue
        now = max(now, min(wait.until for wait in dispute.waits))
        if now > end:
            break
        events = lapse(dispute, now)
        dispute = folded(dispute, events)
        happened.append((now, events[0].rule, dispute.phase))
    return dispute, happened


@settings(max_examples=400, deadline=None)
@given(situations, intents)
def test_it_tells_what_happens_when_nobody_acts(situation: tuple[int, str], plan: list[Intent]) -> None:
    now, dispute = led(situation, plan)
    told = forecast(dispute, now)
    end, happened = left_alone(dispute, now)
    foretold = [(coming.at, coming.rule, coming.phase) for coming in told.deadlines]
    assert happened[: len(foretold)] == foretold
    assert (told.outcome, told.how) == (end.outcome, end.how)
    if end.phase is Phase.CLOSED:
        assert told.amount is not None
        assert told.amount.amount_minor == (end.settlement.amount.amount_minor if end.settlement else 0)
        assert len(told.deadlines) == len(happened)
        assert told.closes_at == end.closed_at
    else:
        # Nothing new comes behind what was foretold: the last alarm again, day by day.
        assert {rule for _, rule, _ in happened[len(foretold) :]} == {told.deadlines[-1].rule}


@settings(max_examples=400, deadline=None)
@given(situations, intents)
def test_the_forecast_holds_while_silence_lasts(situation: tuple[int, str], plan: list[Intent]) -> None:
    now, dispute = led(situation, plan)
    told = forecast(dispute, now)
    for passed, coming in enumerate(told.deadlines, start=1):
        dispute = folded(dispute, lapse(dispute, coming.at))
        later = forecast(dispute, coming.at)
        assert later.deadlines[: len(told.deadlines) - passed] == told.deadlines[passed:]
        assert (later.outcome, later.how, later.amount) == (told.outcome, told.how, told.amount)


def test_small_and_unshipped_claims_end_by_the_sellers_silence() -> None:
    told = forecast(opened(150_00, "unshipped")[0], OPENED_AT)
    assert [(coming.waiting_for, coming.actors, coming.at) for coming in told.deadlines] == [
        ("first_answer", (Role.SELLER,), OPENED_AT + timedelta(hours=48))
    ]
    assert told.deadlines[0].on_silence is Silence.CLAIM_ACCEPTED
    assert told.deadlines[0].rule == "negotiation.silence-accepted"
    assert (told.outcome, told.how, told.assumes_provider_settles) == (Outcome.SETTLED, How.SILENCE, True)
    assert told.amount is not None
    assert told.amount.amount_minor == 150_00


def test_large_delivered_claims_wait_for_the_platform_and_the_fund_pays(dispute: Dispute) -> None:
    told = forecast(dispute, OPENED_AT)
    assert [coming.on_silence for coming in told.deadlines] == [
        Silence.REVIEW_BEGINS,
        Silence.PLATFORM_ALERTED,
        Silence.PLATFORM_ALERTED,
        Silence.PLATFORM_ALERTED,
        Silence.PLATFORM_PAYS,
    ]
    assert (told.outcome, told.how) == (Outcome.UPHELD, How.PLATFORM)
    assert told.deadlines[-1].at == OPENED_AT + timedelta(days=60)


def test_above_the_advance_limit_the_alarm_repeats_and_no_end_is_told() -> None:
    told = forecast(opened(9_000_00, "delivered")[0], OPENED_AT)
    assert (told.outcome, told.how, told.amount, told.closes_at) == (None, None, None, None)
    assert told.deadlines[-1].rule == "review.cap-above-advance"
    assert not told.assumes_provider_settles


def test_an_overdue_clock_lapses_now(dispute: Dispute) -> None:
    now = OPENED_AT + timedelta(days=6)
    assert forecast(dispute, now).deadlines[0].at == now


def test_what_silence_means_for_each_clock(dispute: Dispute) -> None:
    words = {wait.wait_id: silence_means(dispute, wait) for wait in dispute.waits}
    assert words == {
        "first_answer": Silence.REVIEW_BEGINS,
        "negotiation": Silence.COMPLAINT_FILED,
        "cap_alarm": Silence.PLATFORM_ALERTED,
        "cap": Silence.PLATFORM_PAYS,
    }


def test_what_silence_means_before_and_after_a_decision() -> None:
    review, proposal = in_review(), in_proposal()
    rejection = Reject(proposal_id="p1", ground="error_of_fact", statement="That is not what happened.")
    appeal = folded(proposal, decide(proposal, rejection, SELLER, DECIDED_AT))
    words = {
        wait.wait_id: silence_means(dispute, wait) for dispute in (review, proposal, appeal) for wait in dispute.waits
    }
    assert words["lease"] is Silence.BACK_TO_QUEUE
    assert words["confirmation"] is Silence.PROPOSAL_CONFIRMED
    assert words["complaint_answer"] is Silence.REVIEW_GOES_ON
    assert words["appeal_cap"] is words["cap"] is Silence.DECISION_STANDS
    assert whose_turn(review) == (Role.ARBITER,)
    assert whose_turn(proposal) == (Role.BUYER, Role.SELLER)
    assert whose_turn(appeal) == (Role.BUYER, Role.ARBITER)
    ending = forecast(appeal, DECIDED_AT)
    assert (ending.outcome, ending.how) == (Outcome.PARTLY_UPHELD, How.ARBITER)


def test_after_a_refusal_silence_is_the_end(dispute: Dispute) -> None:
    refused = folded(dispute, decide(dispute, Answer(verdict="refuse", reason="It works."), SELLER, OPENED_AT))
    wait = refused.wait("after_refusal")
    assert wait is not None
    assert silence_means(refused, wait) is Silence.DISPUTE_LAPSES
    assert whose_turn(refused) == (Role.BUYER,)
    assert forecast(refused, OPENED_AT).outcome is Outcome.LAPSED


@settings(max_examples=40, deadline=None)
@given(situations, intents)
@example((800_00, "delivered"), [])
def test_an_action_is_allowed_until_the_instant_that_was_told(situation: tuple[int, str], plan: list[Intent]) -> None:
    now, dispute = led(situation, plan)
    for person in PEOPLE:
        for action in allowed_actions(dispute, person, now):
            still, at = dispute, now
            for coming in forecast(dispute, now).deadlines:
                if action.until is not None and coming.at >= action.until:
                    break
                still, at = folded(still, lapse(still, coming.at)), coming.at
                assert action.command in {allowed.command for allowed in allowed_actions(still, person, at)}
