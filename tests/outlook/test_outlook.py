"""The view: its fields, what an actor may do and why not, and the words for people who watch the running dispute."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings

from domain.commands import COMMANDS, Actor, Answer, Offer, Role, Terms
from domain.deciding import decide
from domain.dispute import Dispute, Phase
from domain.execution import leg_settled
from domain.forecast import Silence
from domain.money import Money
from domain.outlook import View, allowed_actions, details, refused_actions, summary, view, whose_turn
from domain.refusals import Code
from tests.outlook.conftest import (
    ARBITERS,
    BUYER,
    OPENED_AT,
    PEOPLE,
    SELLER,
    Intent,
    folded,
    intents,
    led,
    opened,
    situations,
)

FIELDS = (
    "id phase outcome reason order parties claim offers complaint evidence_requests proposal settlement appeal "
    "whose_turn deadlines allowed_actions refused_actions money policy version evidence_version opened_at closed_at"
)


@settings(max_examples=40, deadline=None)
@given(situations, intents)
def test_every_command_is_allowed_or_refused_with_both_sentences(
    situation: tuple[int, str], plan: list[Intent]
) -> None:
    now, dispute = led(situation, plan)
    for person in (*PEOPLE, Actor(role=Role.BUYER, id="stranger"), Actor(role=Role.OPERATOR, id="operator-1")):
        allowed = [action.command for action in allowed_actions(dispute, person, now)]
        refused = refused_actions(dispute, person, now)
        assert sorted([*allowed, *(action.command for action in refused)]) == sorted(COMMANDS)
        for action in refused:
            assert set(action.why) == {"zh-CN", "en"}
            assert all(action.why.values())
            assert "?" not in action.why["en"]


@settings(max_examples=40, deadline=None)
@given(situations, intents)
def test_the_view_survives_its_journey_and_names_whose_turn_it_is(
    situation: tuple[int, str], plan: list[Intent]
) -> None:
    now, dispute = led(situation, plan)
    seen = view(dispute, BUYER, now)
    assert View.model_validate_json(seen.model_dump_json()) == seen
    assert bool(seen.whose_turn) == (dispute.phase is not Phase.CLOSED)
    assert [deadline.at for deadline in seen.deadlines] == sorted(wait.until for wait in dispute.waits)
    assert all(wait.wait_id in details(dispute) for wait in dispute.waits)


def test_the_view_has_the_fields_of_the_interfaces(dispute: Dispute) -> None:
    seen = view(dispute, SELLER, OPENED_AT).model_dump(mode="json")
    assert list(seen) == FIELDS.split()
    assert seen["deadlines"][0] == {
        "waiting_for": "first_answer",
        "actor": ["seller"],
        "at": "2026-10-03T09:30:00Z",
        "paused": False,
        "on_silence": "review_begins",
    }
    assert seen["policy"] == {"id": "marketplace-default", "version": "1"}
    assert {seen[later] for later in ("complaint", "proposal", "settlement", "appeal", "closed_at")} == {None}
    assert seen["money"]["disputed"] == seen["money"]["asked"] == {"amount_minor": 800_00, "currency": "CNY"}


def test_what_is_allowed_at_first(dispute: Dispute) -> None:
    seller = {action.command: action.until for action in allowed_actions(dispute, SELLER, OPENED_AT)}
    first_answer = OPENED_AT + timedelta(days=5)
    # Silence takes the answer away, with the first-answer clock; talk goes on to the end.
    assert seller["answer"] == first_answer
    assert seller["submit_evidence"] == first_answer
    assert seller["offer"] == OPENED_AT + timedelta(days=60)
    assert seller["say"] is None
    assert "decide" not in seller
    arbiter = {action.command for action in allowed_actions(dispute, ARBITERS[0], OPENED_AT)}
    assert arbiter == {"say"}


def test_a_refusal_names_the_instant_from_which_it_is_allowed(dispute: Dispute) -> None:
    refused = {action.command: action for action in refused_actions(dispute, BUYER, OPENED_AT)}
    assert refused["complain"].code is Code.COMPLAIN_TOO_EARLY
    assert refused["complain"].until == OPENED_AT + timedelta(hours=48)
    assert "2026-09-30T09:30:00Z" in refused["complain"].why["en"]


def test_without_an_actor_the_view_has_no_actions(dispute: Dispute) -> None:
    seen = view(dispute, None, OPENED_AT)
    assert (seen.allowed_actions, seen.refused_actions) == ((), ())


def test_turns_and_money_on_the_way_to_the_end(dispute: Dispute) -> None:
    assert whose_turn(dispute) == (Role.SELLER,)
    offer = Offer(terms=Terms(amount=Money(amount_minor=300_00, currency="CNY")))
    offered = folded(dispute, decide(dispute, offer, SELLER, OPENED_AT))
    assert whose_turn(offered) == (Role.BUYER,)
    declined = folded(
        offered, decide(offered, COMMANDS["decline_offer"].model_validate({"offer_id": "o1"}), BUYER, OPENED_AT)
    )
    assert whose_turn(declined) == (Role.BUYER, Role.SELLER)
    accepted = folded(dispute, decide(dispute, Answer(verdict="accept"), SELLER, OPENED_AT))
    assert whose_turn(accepted) == (Role.SYSTEM,)
    assert view(accepted, None, OPENED_AT).money.refunded.amount_minor == 0
    closed = folded(accepted, leg_settled(accepted, "refund", "r-1", OPENED_AT))
    assert whose_turn(closed) == ()
    assert view(closed, None, OPENED_AT).money.refunded.amount_minor == 800_00
    assert "Outcome: settled, by acceptance" in details(closed)


def test_details_say_phase_turn_clocks_and_the_last_refusal(dispute: Dispute) -> None:
    lines = details(dispute, "offer by buyer buyer-1: too_many_offers").splitlines()
    assert lines[0] == "- **negotiation**, version 1"
    assert lines[1] == "- Turn: seller"
    assert lines[2] == f"- `first_answer` until 2026-10-03T09:30:00Z, silence means {Silence.REVIEW_BEGINS}"
    assert lines[-1] == "- Last refused: offer by buyer buyer-1: too_many_offers"


def test_the_summary_is_one_short_line_without_anything_personal() -> None:
    dispute, event = opened(800_00, "delivered")
    longest = dispute.model_copy(update={"order": dispute.order.model_copy(update={"order_id": "o" * 64})})
    title, facts = summary(longest)
    assert len(title.encode()) <= 200
    assert "\n" not in title
    for personal in (BUYER.id, SELLER.id, event.statement):
        assert personal not in title + facts
