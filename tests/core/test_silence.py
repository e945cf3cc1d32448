"""Each clock: when it lapses, and what the silence of those it waits for means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from domain import commands
from domain.commands import Role
from domain.deadlines import LAPSES, extend_late, lapse, next_deadline
from domain.dispute import How, LegState, Outcome, Phase, WaitKind
from domain.events import Closed, ExecutionBegan, LegRetried, RefundOverdue, ReviewBegan, ReviewOverdue
from domain.execution import leg_settled, leg_stuck
from domain.policy import Reason
from domain.refusals import Refused
from tests.core import casework
from tests.core.casework import ARBITER, BUYER, DAY, HOUR, MINUTE, OTHER_ARBITER, SELLER, T0, Case

Cases = Callable[..., Case]


def test_every_clock_has_a_silence_rule() -> None:
    assert set(LAPSES) == set(WaitKind)


@pytest.mark.parametrize(
    ("state", "price", "reason", "until", "rule"),
    [
        ("label_created", 1_000_000, None, 48 * HOUR, "negotiation.silence-accepted"),
        ("in_transit", 20_000, None, 5 * DAY, "negotiation.silence-accepted"),
        ("in_transit", 20_001, None, 5 * DAY, "negotiation.silence-to-review"),
        ("delivered", 20_000, None, 5 * DAY, "negotiation.silence-accepted"),
        ("delivered", 20_001, None, 5 * DAY, "negotiation.silence-to-review"),
        ("delivered", 100, Reason.COUNTERFEIT, 5 * DAY, "negotiation.silence-to-review"),
        ("unknown", 100, None, 5 * DAY, "negotiation.silence-to-review"),
    ],
)
def test_the_sellers_silence_accepts_as_far_as_it_may(
    state: str, price: int, reason: Reason | None, until: timedelta, rule: str, case: Cases
) -> None:
    there = case(state, price=price, reason=reason)
    assert there.until("first_answer") == until
    (event,) = there.lapse("first_answer")
    assert event.rule == rule
    assert there.dispute.first_answer == "silent"
    if rule.endswith("accepted"):
        assert isinstance(event, ExecutionBegan)
        settlement = event.settlement
        assert (settlement.outcome, settlement.how) == (Outcome.SETTLED, How.SILENCE)
        assert settlement.amount == there.dispute.claim.terms.amount
    else:
        assert isinstance(event, ReviewBegan)
        assert (event.level, event.silent, event.nearest) == (1, Role.SELLER, "negotiation.silence-accepted")


def test_silence_on_virtual_goods_accepts_after_48_hours(case: Cases) -> None:
    there = case(kind="virtual", reason=Reason.ENTITLEMENT_UNUSABLE, price=500_000)
    assert there.until("first_answer") == 48 * HOUR
    assert there.lapse("first_answer")[0].rule == "negotiation.silence-accepted"


def test_silence_accepts_what_the_buyer_asks_last(case: Cases) -> None:
    there = case(price=50_000)
    there.act(BUYER, casework.offer(15_000), at=T0 + 4 * DAY)
    there.lapse("first_answer")
    assert there.dispute.settlement is not None
    assert there.dispute.settlement.amount.amount_minor == 15_000


def test_silence_accepts_nothing_when_the_ask_has_lapsed(case: Cases) -> None:
    there = case()
    there.act(BUYER, casework.offer(5_000), at=T0 + HOUR)
    there.lapse("offer.o1")
    assert there.lapse("first_answer")[0].rule == "negotiation.silence-to-review"


def test_the_first_answer_runs_on_into_complaint(case: Cases) -> None:
    there = case()
    there.act(BUYER, commands.Complain(statement="No answer."), at=T0 + 49 * HOUR)
    assert there.until("first_answer") == 5 * DAY
    assert there.lapse("first_answer")[0].rule == "complaint.silence-accepted"


def refuse() -> commands.Answer:
    return commands.Answer(verdict="refuse", reason="It is as described.")


def test_the_buyers_silence_after_a_refusal_ends_it(case: Cases) -> None:
    there = case()
    there.act(SELLER, refuse(), at=T0 + DAY)
    assert there.until("after_refusal") == 6 * DAY
    assert there.dispute.wait("negotiation") is None
    (event,) = there.lapse("after_refusal")
    assert isinstance(event, Closed)
    assert (event.outcome, event.how, there.dispute.waits) == (Outcome.LAPSED, How.SILENCE, ())


@pytest.mark.parametrize(("refused_after", "rest"), [(1 * DAY, 6 * DAY), (5 * DAY - HOUR, 72 * HOUR)])
def test_the_7_day_clock_stands_still_after_a_refusal(refused_after: timedelta, rest: timedelta, case: Cases) -> None:
    there = case(price=50_000)
    there.act(SELLER, refuse(), at=T0 + refused_after)
    there.act(BUYER, casework.offer(40_000), at=T0 + refused_after + 2 * DAY)
    assert there.dispute.wait("after_refusal") is None
    assert there.until("negotiation") == refused_after + 2 * DAY + rest
    assert there.dispute.negotiation_left_ms is None


def test_a_negotiation_without_end_becomes_a_complaint_of_both(case: Cases) -> None:
    there = case()
    there.act(SELLER, casework.offer(1_000), at=T0 + HOUR)
    there.lapse("offer.o1")
    (event,) = there.lapse("negotiation")
    assert (there.now, event.type, event.by.role) == (T0 + 7 * DAY, "complained", Role.SYSTEM)
    answer = commands.AnswerComplaint(statement="My side.")
    assert there.act(BUYER, answer) == ["complaint_answered"]
    waiting = there.dispute.wait("complaint_answer")
    assert waiting is not None
    assert waiting.actors == (Role.SELLER,)
    with pytest.raises(Refused) as refused:
        there.act(BUYER, answer)
    assert refused.value.code.value == "already_spoken"
    assert there.act(SELLER, answer) == ["complaint_answered", "review_began"]


@pytest.mark.parametrize(
    ("speaks", "silent", "rule"),
    [
        ((), None, "complaint.both-silent-to-review"),
        ((BUYER,), Role.SELLER, "complaint.answer-missed-to-review"),
        ((SELLER,), Role.BUYER, "complaint.answer-missed-to-review"),
    ],
)
def test_a_complaint_nobody_answers_goes_to_review(
    speaks: tuple[commands.Actor, ...], silent: Role | None, rule: str, case: Cases
) -> None:
    there = case()
    there.act(SELLER, casework.offer(1_000), at=T0 + HOUR)
    there.silence_until("negotiation")
    for actor in speaks:
        there.act(actor, commands.AnswerComplaint(statement="My side."))
    assert there.until("complaint_answer") == 10 * DAY
    (event,) = there.lapse("complaint_answer")
    assert isinstance(event, ReviewBegan)
    assert (event.silent, event.rule) == (silent, rule)


def test_an_offer_lapses_without_consent_in_any_phase(case: Cases) -> None:
    there = casework.in_review(case())
    there.act(BUYER, casework.offer(9_000))
    (event,) = there.silence_until("offer.o1")
    assert (there.now, event.rule) == (T0 + 48 * HOUR + 72 * HOUR, "review.offer-lapsed")
    assert there.dispute.phase is Phase.REVIEW


def test_a_late_review_raises_alarms_and_frees_the_case(case: Cases) -> None:
    there = casework.taken(case())
    there.lapse("lease")
    assert there.dispute.review is not None
    assert there.dispute.review.arbiter_id is None
    (event,) = there.lapse("review_target")
    assert isinstance(event, ReviewOverdue)
    assert there.dispute.needs_attention == "review_overdue"
    there.act(ARBITER, commands.Take(), at=T0 + 48 * HOUR + 7 * DAY - HOUR)
    (event,) = there.lapse("review_hard")
    assert isinstance(event, ReviewOverdue)
    assert event.hard
    assert there.dispute.needs_attention == "review_escalated"
    assert there.dispute.review.arbiter_id is None
    assert {wait.kind for wait in there.dispute.waits} == {WaitKind.CAP_ALARM, WaitKind.CAP}
    with pytest.raises(Refused, match="had_a_part"):
        there.act(ARBITER, commands.Take())
    there.act(OTHER_ARBITER, commands.Take())
    there.act(OTHER_ARBITER, casework.ruling(5_000, 2))
    assert there.dispute.needs_attention is None


def test_each_act_of_the_holder_renews_its_lease(case: Cases) -> None:
    there = casework.taken(case())
    there.act(ARBITER, commands.Say(text="Which size did you order?"), at=there.now + 20 * HOUR)
    assert there.until("lease") == 48 * HOUR + 44 * HOUR
    there.act(OTHER_ARBITER, commands.Say(text="I had a case like that."), at=there.now + HOUR)
    assert there.until("lease") == 48 * HOUR + 44 * HOUR


def test_an_appeal_nobody_decides_leaves_the_first_decision(case: Cases) -> None:
    there = casework.in_appeal(case(), by=SELLER)
    began = there.now - T0
    assert there.until("appeal_target") == began + 7 * DAY  # Wednesday to Wednesday: five working days
    assert there.until("complaint_answer") == began + 72 * HOUR
    (missed,) = there.lapse("complaint_answer")
    assert (missed.type, missed.rule) == ("answer_missed", "review.answer-missed")
    assert there.dispute.phase is Phase.REVIEW
    (event,) = there.silence_until("appeal_cap")
    assert there.now - T0 == began + 14 * DAY
    assert isinstance(event, ExecutionBegan)
    assert event.rule == "review.appeal-cap"
    assert (event.settlement.outcome, event.settlement.how) == (Outcome.PARTLY_UPHELD, How.ARBITER)
    assert event.settlement.amount.amount_minor == 5_000


@pytest.mark.parametrize(("amount", "outcome"), [(0, "dismissed"), (4_000, "partly_upheld"), (10_000, "upheld")])
def test_an_appeal_is_decided_finally(amount: int, outcome: str, case: Cases) -> None:
    there = casework.in_appeal(case())
    there.act(OTHER_ARBITER, commands.Take())
    types = there.act(OTHER_ARBITER, casework.ruling(amount, 3))
    assert types == ["decided", "closed" if amount == 0 else "execution_began"]
    if amount:
        there.pay()
    assert (there.dispute.outcome, there.dispute.how) == (outcome, How.APPEAL)


def test_the_cap_executes_the_last_decision(case: Cases) -> None:
    there = casework.in_review(case())
    there.act(ARBITER, commands.Take(), at=T0 + 59 * DAY)
    there.act(ARBITER, casework.ruling(3_000, 2))
    (event,) = there.silence_until("cap")
    assert isinstance(event, ExecutionBegan)
    assert (there.now, event.rule) == (T0 + 60 * DAY, "proposal.cap-decision-final")
    assert (event.settlement.outcome, event.settlement.how) == (Outcome.PARTLY_UPHELD, How.ARBITER)


def test_the_platform_pays_up_to_the_advance_limit(case: Cases) -> None:
    there = casework.in_review(case(price=100_000))
    there.silence_until("cap_alarm")
    assert (there.now, there.dispute.needs_attention) == (T0 + 45 * DAY, "cap_alarm")
    (event,) = there.lapse("cap")
    assert isinstance(event, ExecutionBegan)
    assert (event.settlement.outcome, event.settlement.how) == (Outcome.UPHELD, How.PLATFORM)
    assert there.dispute.needs_attention is None


def test_above_the_advance_limit_the_alarm_repeats_daily(case: Cases) -> None:
    there = casework.in_review(case(price=100_001))
    there.silence_until("cap")
    for day in (61, 62, 63):
        assert there.dispute.needs_attention == "cap_alarm"
        assert there.dispute.phase is Phase.REVIEW
        assert there.until("cap") == day * DAY
        there.lapse("cap")
    there.act(ARBITER, commands.Take())
    there.act(ARBITER, casework.ruling(1, 2))
    assert there.dispute.phase is Phase.PROPOSAL


def test_a_late_refund_calls_the_operator_and_still_closes(case: Cases) -> None:
    there = case(paid=(7_000, 0, 3_000))
    there.act(SELLER, commands.Answer(verdict="accept"))
    assert there.dispute.settlement is not None
    assert [(leg.leg, leg.payment_id, leg.amount.amount_minor) for leg in there.dispute.settlement.legs] == [
        ("refund", "pay-1", 7_000),
        ("refund.2", "pay-3", 3_000),
    ]
    there.take(leg_settled(there.dispute, "refund", "r-1", T0 + HOUR))
    assert leg_settled(there.dispute, "refund", "r-1", T0 + HOUR) == []
    there.take(leg_stuck(there.dispute, "refund.2", "account_closed", T0 + HOUR))
    assert leg_stuck(there.dispute, "refund.2", "account_closed", T0 + 2 * HOUR) == []
    assert there.dispute.needs_attention is None
    (again,) = there.lapse("refund_retry.refund.2")
    assert isinstance(again, LegRetried)
    assert there.now == T0 + HOUR + MINUTE
    there.take(leg_stuck(there.dispute, "refund.2", "account_closed", there.now))
    second = there.dispute.wait("refund_retry.refund.2")
    assert second is not None
    assert second.until - second.began == 2 * MINUTE
    there.lapse("refund_retry.refund.2")
    (late,) = there.lapse("refund_target")
    assert isinstance(late, RefundOverdue)
    assert (there.now, late.hard) == (T0 + DAY, False)
    assert there.dispute.needs_attention == "refund_overdue"
    there.lapse("refund_manual")
    assert there.now == T0 + 7 * DAY
    assert there.dispute.needs_attention == "refund_manual"
    assert there.dispute.waits == ()
    assert leg_stuck(there.dispute, "refund", "too_late", there.now) == []
    types = [event.type for event in there.take(leg_settled(there.dispute, "refund.2", "r-2", there.now))]
    assert types == ["leg_settled", "closed"]
    assert there.dispute.settlement.legs[1].state is LegState.SETTLED
    assert (there.dispute.outcome, there.dispute.how, there.dispute.needs_attention) == ("settled", "acceptance", None)
    assert leg_settled(there.dispute, "refund.2", "r-2", there.now) == []


def test_the_deadline_itself_is_in_time_and_lapses_at_once_after(case: Cases) -> None:
    there = case()
    deadline = next_deadline(there.dispute)
    assert deadline is not None
    assert lapse(there.dispute, deadline.until - timedelta(microseconds=1)) == []
    assert lapse(there.dispute, deadline.until) != []
    assert there.act(SELLER, refuse(), at=deadline.until) == ["claim_refused"]


def test_clocks_due_at_one_instant_lapse_in_the_order_of_their_kinds(case: Cases) -> None:
    # A complaint at 48 h makes the 72 h to answer it end with the 5 days for the first answer.
    there = casework.in_complaint(case())
    assert there.until("complaint_answer") == there.until("first_answer") == 5 * DAY
    (event,) = there.lapse("first_answer")
    assert event.rule == "complaint.silence-accepted"
    assert lapse(there.dispute, there.now) == []

    offered = case(price=50_000)
    offered.act(BUYER, casework.offer(20_000), at=T0 + 48 * HOUR)
    assert offered.until("offer.o1") == offered.until("first_answer")
    assert offered.lapse("first_answer")[0].rule == "negotiation.silence-accepted"


def test_grace_moves_a_deadline_once(case: Cases) -> None:
    there = case()
    late = T0 + 5 * DAY + 3 * HOUR
    (event,) = there.take(extend_late(there.dispute, "first_answer", "worker", 3 * 3600, late))
    assert event.rule == "negotiation.late-grace"
    assert there.until("first_answer") == 5 * DAY + 27 * HOUR
    assert lapse(there.dispute, late) == []
    assert extend_late(there.dispute, "first_answer", "intake", 7200, late + 30 * HOUR) == []
    assert extend_late(there.dispute, "confirmation", "worker", 7200, late) == []
    assert there.lapse("first_answer")[0].rule == "negotiation.silence-accepted"


@pytest.mark.parametrize(("claimed", "outcome"), [(5_000, Outcome.UPHELD), (5_001, Outcome.PARTLY_UPHELD)])
def test_a_decision_is_measured_against_the_claim(claimed: int, outcome: Outcome, case: Cases) -> None:
    there = casework.in_proposal(case(ask=claimed), 5_000)
    # What the buyer offers for peace's sake changes nothing of what was decided.
    there.act(BUYER, casework.offer(4_000))
    for actor in (BUYER, SELLER):
        there.act(actor, commands.Confirm(proposal_id="p1"))
    assert there.dispute.settlement is not None
    assert there.dispute.settlement.outcome is outcome


def test_silence_accepts_what_the_claim_said_and_no_more(case: Cases) -> None:
    there = case("label_created", price=500_000, ask=100)
    there.act(BUYER, casework.offer(500_000), at=T0 + 48 * HOUR - MINUTE)
    there.lapse("first_answer")
    assert there.dispute.settlement is not None
    assert there.dispute.settlement.amount.amount_minor == 100


def test_only_a_side_can_be_silent(case: Cases) -> None:
    there = casework.taken(case())
    asks = {wait.wait_id: wait.awaits_a_party for wait in there.dispute.waits}
    assert asks == {"review_target": False, "review_hard": False, "lease": False, "cap_alarm": False, "cap": False}
    assert all(wait.awaits_a_party for wait in case().dispute.waits if not wait.wait_id.startswith("cap"))
