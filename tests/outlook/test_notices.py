"""Who is told what and when: turns, reminders and their quarter rule, extensions, voiding, endings, order events."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings

from domain.commands import (
    Answer,
    Complain,
    Confirm,
    DeclineOffer,
    Offer,
    Reject,
    Role,
    Say,
    Terms,
    Withdraw,
)
from domain.deadlines import extend_late, lapse
from domain.deciding import decide
from domain.dispute import Dispute
from domain.execution import leg_settled
from domain.forecast import Silence
from domain.money import Money
from domain.notices import Notice, ended_waits, notices
from tests.outlook.conftest import (
    BUYER,
    DECIDED_AT,
    OPENED_AT,
    SELLER,
    Intent,
    folded,
    in_proposal,
    intents,
    opened,
    situations,
    walked,
)


def told(*notices: Notice) -> list[tuple[str, str, str | None, str | None]]:
    return [(notice.kind, notice.recipient_role, notice.wait_id, notice.body.left) for notice in notices]


def test_opening_tells_the_seller_and_the_order_system() -> None:
    dispute, event = opened(800_00, "delivered")
    first, day, hours, order = notices(None, dispute, (event,))
    assert told(first, day, hours) == [
        ("notice", Role.SELLER, "first_answer", None),
        ("reminder", Role.SELLER, "first_answer", "24h"),
        ("reminder", Role.SELLER, "first_answer", "2h"),
    ]
    until = OPENED_AT + timedelta(days=5)
    assert [notice.due_at for notice in (first, day, hours)] == [
        OPENED_AT,
        until - timedelta(hours=24),
        until - timedelta(hours=2),
    ]
    assert (first.recipient_id, first.body.until, first.body.silence) == ("seller-1", until, Silence.REVIEW_BEGINS)
    assert (first.body.amount.amount_minor, first.body.offset_seconds) == (800_00, 8 * 3600)
    assert (order.kind, order.recipient_role, order.body.topic) == ("order_event", Role.SYSTEM, "opened")
    assert order.body.lines == ((1, 1),)


def test_a_reminder_in_the_first_quarter_of_its_clock_is_left_out() -> None:
    dispute, event = opened(800_00, "delivered")
    wait = dispute.wait("first_answer")
    assert wait is not None
    day = timedelta(hours=24)
    for clock, lefts in ((day, ["2h"]), (day * 4 / 3, ["24h", "2h"]), (day * 4 / 3 - timedelta(minutes=1), ["2h"])):
        moved = wait.model_copy(update={"until": wait.began + clock})
        shorter = dispute.model_copy(update={"waits": (moved,)})
        reminders = [notice for notice in notices(None, shorter, (event,)) if notice.kind == "reminder"]
        assert [notice.body.left for notice in reminders] == lefts


def test_a_deadline_that_moved_by_our_lateness_is_told_by_a_fresh_reminder(dispute: Dispute) -> None:
    now = OPENED_AT + timedelta(days=5, hours=3)
    events = extend_late(dispute, "first_answer", "worker", 3 * 3600, now)
    after = folded(dispute, events)
    fresh, hours = notices(dispute, after, events)
    assert told(fresh, hours) == [
        ("reminder", Role.SELLER, "first_answer", None),
        ("reminder", Role.SELLER, "first_answer", "2h"),
    ]
    assert (fresh.due_at, fresh.body.until, fresh.body.extended) == (now, now + timedelta(hours=24), True)
    assert ended_waits(dispute, after) == ("first_answer",)


def test_an_answer_voids_its_waits_and_tells_whose_turn_it_is(dispute: Dispute) -> None:
    events = decide(dispute, Answer(verdict="refuse", reason="It works."), SELLER, OPENED_AT)
    after = folded(dispute, events)
    assert set(ended_waits(dispute, after)) == {"first_answer", "negotiation"}
    assert told(*notices(dispute, after, events))[0] == ("notice", Role.BUYER, "after_refusal", None)


def test_a_message_tells_and_voids_nothing(dispute: Dispute) -> None:
    events = decide(dispute, Say(text="Hello."), SELLER, OPENED_AT)
    after = folded(dispute, events)
    assert (notices(dispute, after, events), ended_waits(dispute, after)) == ((), ())


def test_an_offer_is_told_to_the_other_side_with_its_sum_until_it_is_declined(dispute: Dispute) -> None:
    events = decide(dispute, Offer(terms=Terms(amount=Money(amount_minor=300_00, currency="CNY"))), SELLER, OPENED_AT)
    offered = folded(dispute, events)
    first = notices(dispute, offered, events)[0]
    assert told(first) == [("notice", Role.BUYER, "offer.o1", None)]
    assert (first.body.amount.amount_minor, first.body.silence) == (300_00, Silence.OFFER_LAPSES)
    declined = folded(offered, decide(offered, DeclineOffer(offer_id="o1"), BUYER, OPENED_AT))
    assert ended_waits(offered, declined) == ("offer.o1",)


def test_a_proposal_is_told_to_both_and_a_confirmation_leaves_the_other_side() -> None:
    dispute = in_proposal()
    now = DECIDED_AT + timedelta(hours=1)
    events = decide(dispute, Confirm(proposal_id="p1"), BUYER, now)
    after = folded(dispute, events)
    # The buyer's reminders must not be sent any more, the seller's are written anew.
    assert ended_waits(dispute, after) == ("confirmation",)
    assert told(*notices(dispute, after, events)) == [
        ("notice", Role.SELLER, "confirmation", None),
        ("reminder", Role.SELLER, "confirmation", "24h"),
        ("reminder", Role.SELLER, "confirmation", "2h"),
    ]


def test_a_rejection_asks_the_other_side() -> None:
    dispute = in_proposal()
    rejection = Reject(proposal_id="p1", ground="error_of_fact", statement="That is not what happened.")
    events = decide(dispute, rejection, SELLER, DECIDED_AT)
    asked = notices(dispute, folded(dispute, events), events)[0]
    assert told(asked) == [("notice", Role.BUYER, "complaint_answer", None)]
    assert asked.body.silence is Silence.REVIEW_GOES_ON


def test_the_outcome_and_the_ending_are_told_to_both_and_the_order_system() -> None:
    dispute = in_proposal()
    events = lapse(dispute, DECIDED_AT + timedelta(hours=72))
    paying = folded(dispute, events)
    fixed = notices(dispute, paying, events)
    assert [(notice.recipient_role, notice.body.topic) for notice in fixed] == [
        (Role.BUYER, "settled"),
        (Role.SELLER, "settled"),
    ]
    assert "confirmation" in ended_waits(dispute, paying)
    events = leg_settled(paying, "refund", "r-1", DECIDED_AT + timedelta(hours=73))
    closing = notices(paying, folded(paying, events), events)
    assert [(notice.kind, notice.recipient_role, notice.body.topic) for notice in closing] == [
        ("notice", Role.BUYER, "ended"),
        ("notice", Role.SELLER, "ended"),
        ("order_event", Role.SYSTEM, "closed"),
    ]
    last = closing[-1].body
    assert (last.outcome, last.how, last.liable, last.amount.amount_minor) == (
        "partly_upheld",
        "silence",
        "seller",
        500_00,
    )


def test_nobody_is_liable_for_a_withdrawn_dispute(dispute: Dispute) -> None:
    events = decide(dispute, Withdraw(), BUYER, OPENED_AT)
    closed = notices(dispute, folded(dispute, events), events)[-1]
    assert (closed.kind, closed.body.liable, closed.body.amount.amount_minor) == ("order_event", "nobody", 0)


def test_a_complaint_by_the_buyer_asks_the_seller(dispute: Dispute) -> None:
    events = decide(dispute, Complain(statement="Please decide."), BUYER, OPENED_AT + timedelta(hours=49))
    after = folded(dispute, events)
    assert told(*notices(dispute, after, events))[0] == ("notice", Role.SELLER, "complaint_answer", None)
    assert ended_waits(dispute, after) == ("negotiation",)


@settings(max_examples=40, deadline=None)
@given(situations, intents)
def test_what_stands_in_the_outbox_always_fits_the_running_clocks(
    situation: tuple[int, str], plan: list[Intent]
) -> None:
    """Every reminder that would still be sent belongs to a running clock, says its deadline, and names its actor."""
    dispute, event = opened(*situation)
    outbox = {notice.message_id: notice for notice in notices(None, dispute, (event,))}
    for now, before, events, after in walked(dispute, plan):
        void = ended_waits(before, after)
        outbox = {key: notice for key, notice in outbox.items() if notice.wait_id not in void and notice.due_at > now}
        new = notices(before, after, events)
        assert new == notices(before, after, tuple(events))
        assert not {notice.message_id for notice in new} & set(outbox)
        assert len({notice.message_id for notice in new}) == len(new)
        outbox |= {notice.message_id: notice for notice in new}
        for notice in outbox.values():
            assert len(notice.message_id) <= 128
            wait = after.wait(notice.wait_id) if notice.wait_id else None
            if notice.wait_id:
                assert wait is not None
                assert notice.recipient_role in wait.actors
                assert notice.body.until == wait.until
                assert notice.due_at < wait.until
