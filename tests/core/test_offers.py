"""Offers and answers: terms that meet, what counts as a first answer, limits, and the nine cells of confirmation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain import commands
from domain.commands import Actor, Role
from domain.deciding import decide, remark
from domain.dispute import How, OfferState, Outcome, Phase
from domain.events import ExecutionBegan
from domain.execution import gathered
from domain.facts import Facts
from domain.refusals import Code, Refused
from tests.core import casework
from tests.core.casework import BUYER, DAY, HOUR, PROOF, SELLER, T0, Case, money

Cases = Callable[..., Case]


def refused(case: Case, actor: Actor, command: commands.Command) -> Code:
    with pytest.raises(Refused) as refusal:
        case.act(actor, command)
    return refusal.value.code


@pytest.mark.parametrize(
    ("moves", "amount", "accepted"),
    [
        ([(SELLER, 10_000)], 10_000, "claim"),  # equal to the claim
        ([(BUYER, 6_000), (SELLER, 6_000)], 6_000, "o1"),  # equal terms
        ([(SELLER, 6_000), (BUYER, 6_000)], 6_000, "o2"),
        ([(BUYER, 6_000), (SELLER, 8_000)], 6_000, "o1"),  # above the ask settles at the ask
        ([(SELLER, 8_000), (BUYER, 6_000)], 6_000, "o2"),  # crossing in one second
        ([(BUYER, 9_000), (SELLER, 5_000), (BUYER, 7_000), (SELLER, 7_000)], 7_000, "o3"),
    ],
)
def test_terms_that_meet_settle_without_a_click(
    moves: list[tuple[Actor, int]], amount: int, accepted: str, case: Cases
) -> None:
    there = case()
    for actor, asked in moves[:-1]:
        assert there.act(actor, casework.offer(asked)) == ["offered"]
    assert there.act(moves[-1][0], casework.offer(moves[-1][1])) == ["offered", "execution_began"]
    last = there.log[-1]
    assert isinstance(last, ExecutionBegan)
    assert (last.settlement.amount, last.settlement.outcome) == (money(amount), Outcome.SETTLED)
    assert (last.settlement.how, last.accepted_offer_id) == (How.AGREEMENT, accepted)
    states = {offer.offer_id: offer.state for offer in there.dispute.offers}
    assert OfferState.LIVE not in states.values()
    assert accepted == "claim" or states[accepted] is OfferState.ACCEPTED


@pytest.mark.parametrize("phase", ["complaint", "review", "proposal"])
def test_parties_may_settle_until_execution(phase: str, case: Cases) -> None:
    walk = {"complaint": casework.in_complaint, "review": casework.in_review, "proposal": casework.in_proposal}
    there = walk[phase](case())
    assert there.act(SELLER, casework.offer(10_000)) == ["offered", "execution_began"]
    assert there.log[-1].rule == f"{phase}.terms-met"


def test_an_offer_of_nothing_agreed_closes_at_once(case: Cases) -> None:
    there = case()
    there.act(SELLER, casework.offer(0))
    assert there.act(BUYER, commands.AcceptOffer(offer_id="o1")) == ["closed"]
    assert (there.dispute.outcome, there.dispute.offers[0].state) == ("settled", OfferState.ACCEPTED)


@pytest.mark.parametrize(
    ("price", "ask", "offered", "answers"),
    [
        (10_000, None, 1_000, True),
        (10_000, None, 999, False),
        (9_999, None, 999, False),
        (10_000, 500, 500, True),  # the whole ask, however small
    ],
)
def test_ten_percent_or_the_whole_ask_is_a_first_answer(
    price: int, ask: int | None, offered: int, answers: bool, case: Cases
) -> None:
    there = case(price=price, ask=ask)
    before = there.dispute
    events = decide(before, casework.offer(offered), SELLER, T0)
    assert remark(before, events) == (None if answers else Code.OFFER_IS_NO_ANSWER)
    there.take(events)
    assert (there.dispute.wait("first_answer") is None) == answers
    assert there.dispute.first_answer == ("offered" if answers else None)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (commands.Say(text="I look into it."), Code.MESSAGE_IS_NO_ANSWER),
        (commands.SubmitEvidence(items=(PROOF,)), Code.MESSAGE_IS_NO_ANSWER),
        (commands.DeclineOffer(offer_id="o1"), Code.MESSAGE_IS_NO_ANSWER),
        (commands.Answer(verdict="refuse", reason="No."), None),
        (commands.Answer(verdict="accept"), None),
    ],
)
def test_what_is_no_answer_is_told(command: commands.Command, said: Code | None, case: Cases) -> None:
    there = case()
    if isinstance(command, commands.DeclineOffer):
        there.act(BUYER, casework.offer(9_000))
    before = there.dispute
    assert remark(before, decide(before, command, SELLER, T0)) is said
    assert remark(before, decide(before, commands.Say(text="Hello?"), BUYER, T0)) is None
    there.act(SELLER, casework.offer(2_000))
    assert remark(there.dispute, decide(there.dispute, commands.Say(text="Well?"), SELLER, T0)) is None


def test_offers_are_refused_by_name(case: Cases) -> None:
    there = case()
    assert refused(there, SELLER, casework.offer(10_001)) is Code.OFFER_EXCEEDS_FROZEN
    assert refused(there, SELLER, casework.offer(1_000, "USD")) is Code.WRONG_CURRENCY
    assert refused(there, BUYER, commands.AcceptOffer(offer_id="claim")) is Code.OFFER_NOT_FOUND
    there.act(BUYER, casework.offer(9_000))
    assert refused(there, SELLER, commands.AcceptOffer(offer_id="claim")) is Code.CLAIM_REPLACED
    assert refused(there, SELLER, commands.Answer(verdict="accept")) is Code.CLAIM_REPLACED
    assert refused(there, SELLER, commands.AcceptOffer(offer_id="o9")) is Code.OFFER_NOT_FOUND
    there.act(SELLER, casework.offer(1_000))
    assert refused(there, BUYER, commands.AcceptOffer(offer_id="o1")) is Code.OWN_OFFER
    assert refused(there, BUYER, commands.AcceptOffer(offer_id="claim")) is Code.OWN_OFFER
    there.act(BUYER, casework.offer(8_000))
    assert refused(there, SELLER, commands.AcceptOffer(offer_id="o1")) is Code.OFFER_NOT_LIVE
    there.act(SELLER, commands.DeclineOffer(offer_id="o3"))
    assert there.dispute.wait("offer.o3") is None
    assert refused(there, SELLER, commands.DeclineOffer(offer_id="o3")) is Code.OFFER_NOT_LIVE
    assert [offer.state.value for offer in there.dispute.offers] == ["replaced", "live", "declined"]


def test_five_offers_a_side(case: Cases) -> None:
    there = case()
    for step in range(5):
        there.act(BUYER, casework.offer(9_000 - step))
    assert refused(there, BUYER, casework.offer(8_000)) is Code.TOO_MANY_OFFERS
    assert there.act(SELLER, casework.offer(1_000)) == ["offered"]
    assert [wait.wait_id for wait in there.dispute.waits if wait.kind == "offer"] == ["offer.o5", "offer.o6"]


def test_the_claim_can_be_accepted_in_two_ways(case: Cases) -> None:
    for command in (commands.Answer(verdict="accept"), commands.AcceptOffer(offer_id="claim")):
        there = case()
        assert there.act(SELLER, command) == ["execution_began"]
        there.pay()
        assert (there.dispute.outcome, there.dispute.how) == ("settled", How.ACCEPTANCE)


def test_a_refusal_needs_a_reason_and_happens_once(case: Cases) -> None:
    there = case()
    assert refused(there, SELLER, commands.Answer(verdict="refuse")) is Code.REFUSAL_NEEDS_REASON
    there.act(SELLER, commands.Answer(verdict="refuse", reason="It is as described."))
    assert refused(there, SELLER, commands.Answer(verdict="refuse", reason="Still.")) is Code.ALREADY_ANSWERED
    assert there.act(SELLER, commands.Answer(verdict="accept")) == ["execution_began"]


def test_unshipped_goods_are_not_refused_without_dispatch(case: Cases) -> None:
    bare = commands.Answer(verdict="refuse", reason="It is on its way.")
    for extra in ({"proof_of_dispatch": PROOF}, {"agreed_later": PROOF}):
        there = case("label_created")
        assert refused(there, SELLER, bare) is Code.REFUSAL_NEEDS_DISPATCH
        assert there.act(SELLER, bare.model_copy(update=extra)) == ["claim_refused"]
        assert (there.dispute.evidence_version, there.dispute.evidence_items) == (1, 1)
    scanned = case("label_created")
    scanned.take(gathered(scanned.dispute, Facts(parcels=(casework.fact("in_transit"),)), T0 + HOUR))
    assert scanned.act(SELLER, bare) == ["claim_refused"]


def test_facts_are_gathered_once(case: Cases) -> None:
    there = case("in_transit")
    same = casework.fact("in_transit", as_of=T0 + DAY)
    assert gathered(there.dispute, Facts(parcels=(same,)), T0 + DAY) == []
    arrived = casework.fact("delivered", as_of=T0 + DAY, delivered_at=T0 + DAY)
    back = casework.fact("unknown", direction="back")
    there.take(gathered(there.dispute, Facts(parcels=(same, arrived, back)), T0 + DAY))
    assert there.dispute.parcel_facts == (arrived, back)
    there.act(BUYER, commands.Withdraw())
    assert gathered(there.dispute, Facts(parcels=(casework.fact("lost"),)), T0 + DAY) == []


def test_the_buyer_complains_after_48_hours_or_an_answer(case: Cases) -> None:
    complain = commands.Complain(statement="Please look.")
    there = case()
    with pytest.raises(Refused) as refusal:
        there.act(BUYER, complain, at=T0 + 48 * HOUR - HOUR)
    assert refusal.value.detail == {"until": "2026-03-04T09:00:00Z"}
    there.act(SELLER, casework.offer(1_000))
    assert there.act(BUYER, complain) == ["complained"]
    assert there.dispute.live_terms(Role.SELLER) is not None
    by_seller = case()
    by_seller.act(SELLER, commands.Answer(verdict="refuse", reason="No."))
    by_seller.act(SELLER, complain)
    assert by_seller.dispute.wait("after_refusal") is None
    assert by_seller.act(BUYER, commands.AnswerComplaint(statement="Yes.")) == ["complaint_answered", "review_began"]


@pytest.mark.parametrize("buyer", ["confirm", "reject", "silent"])
@pytest.mark.parametrize("seller", ["confirm", "reject", "silent"])
def test_the_nine_cells_of_confirmation(buyer: str, seller: str, case: Cases) -> None:
    there = casework.in_proposal(case())
    said = {"confirm": commands.Confirm(proposal_id="p1"), "reject": casework.rejection()}
    # Confirmations come first: a rejection ends the phase, whoever made it.
    moves = sorted(((buyer, BUYER), (seller, SELLER)), key=lambda move: move[0])
    for move, actor in moves:
        if move in said and there.dispute.phase is Phase.PROPOSAL:
            there.act(actor, said[move])
    if "reject" in (buyer, seller):
        review = there.dispute.review
        assert review is not None
        assert (there.dispute.phase, review.level, there.dispute.proposal) == (Phase.REVIEW, 2, None)
        assert {review.rejected_by, review.owes_answer} == {Role.BUYER, Role.SELLER}
        return
    if "silent" in (buyer, seller):
        there.silence_until("confirmation")
    silent = "both" if buyer == seller else "buyer" if buyer == "silent" else "seller"
    rule = "proposal.both-confirmed" if buyer == seller == "confirm" else f"proposal.deemed-{silent}-silent"
    assert there.log[-1].rule == rule
    assert there.dispute.settlement is not None
    assert there.dispute.settlement.how is (How.ARBITER if rule.endswith("confirmed") else How.SILENCE)


def test_a_confirmation_is_final_and_names_its_proposal(case: Cases) -> None:
    there = casework.in_proposal(case(), 0)
    assert refused(there, BUYER, commands.Confirm(proposal_id="p2")) is Code.PROPOSAL_NOT_FOUND
    there.act(BUYER, commands.Confirm(proposal_id="p1"))
    waiting = there.dispute.wait("confirmation")
    assert waiting is not None
    assert waiting.actors == (Role.SELLER,)
    assert refused(there, BUYER, commands.Confirm(proposal_id="p1")) is Code.ALREADY_CONFIRMED
    assert refused(there, BUYER, casework.rejection()) is Code.ALREADY_CONFIRMED
    assert there.act(SELLER, commands.Confirm(proposal_id="p1")) == ["confirmed", "closed"]
    assert (there.dispute.outcome, there.dispute.how) == ("dismissed", How.ARBITER)
