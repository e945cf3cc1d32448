"""Offers: made, accepted, declined or left to lapse by either side, in every phase before execution."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.commands import AcceptOffer, Actor, DeclineOffer, Offer, Role
from domain.dispute import Dispute, How, OfferState, Outcome, StandingOffer, Wait, WaitKind
from domain.events import Event, OfferDeclined, Offered, OfferLapsed
from domain.evolving import evolve
from domain.money import Money
from domain.refusals import Code, Refused
from domain.review import check_terms
from domain.settlement import CLAIM, settle
from domain.waits import SYSTEM, other, running, side, start


def claim_stands(dispute: Dispute) -> bool:
    """Whether the claim is still the buyer's offer: any offer of the buyer's own has replaced it for good."""
    return not any(offer.by is Role.BUYER for offer in dispute.offers)


def offer_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    made = sum(offer.by == actor.role for offer in dispute.offers)
    if made >= dispute.policy.limits.offers_a_side:
        raise Refused(Code.TOO_MANY_OFFERS, at_most=dispute.policy.limits.offers_a_side)


def offer(dispute: Dispute, command: Offer, actor: Actor, now: datetime) -> list[Event]:
    """An offer that replaces the side's former one; when both sides' terms meet, the dispute is settled at once."""
    terms = command.terms
    check_terms(dispute, terms.remedy, terms.amount, exceeds=Code.OFFER_EXCEEDS_FROZEN)
    offer_id = f"o{len(dispute.offers) + 1}"
    own_wait = start(dispute, WaitKind.OFFER, dispute.policy.clocks.offer, now, other(side(actor)), of=offer_id)
    ended = _wait_ids(dispute, *(standing for standing in dispute.offers if standing.by == actor.role))
    answers = actor.role is Role.SELLER and _answers(dispute, terms.amount)
    if answers:
        ended += running(dispute, WaitKind.FIRST_ANSWER)
    resumed: tuple[Wait, ...] = ()
    if actor.role is Role.BUYER and running(dispute, WaitKind.AFTER_REFUSAL):
        ended += running(dispute, WaitKind.AFTER_REFUSAL)
        resumed = (_negotiation_again(dispute, now),)
    offered = Offered(
        at=now,
        by=actor,
        rule=f"{dispute.phase}.offered",
        nearest=f"{dispute.phase}.terms-met",
        began=(own_wait, *resumed),
        ended=ended,
        offer_id=offer_id,
        terms=terms,
        text=command.text,
        answers=answers,
    )
    return [offered, *_met(evolve(dispute, offered), actor, now)]


def _answers(dispute: Dispute, amount: Money) -> bool:
    """Whether a seller's offer is its first answer: the ask or enough of it (protocol, What silence may accept)."""
    if not running(dispute, WaitKind.FIRST_ANSWER):
        return False
    asked = dispute.live_terms(Role.BUYER)
    enough = dispute.claim.disputed.amount_minor * dispute.policy.limits.answering_offer_bp
    return amount.amount_minor * 10_000 >= enough or (asked is not None and amount >= asked.amount)


def _negotiation_again(dispute: Dispute, now: datetime) -> Wait:
    """The stopped clock runs on with what was left of it, but never less than the policy's rest."""
    least = start(dispute, WaitKind.NEGOTIATION, dispute.policy.clocks.negotiation_rest_at_least, now)
    left = timedelta(milliseconds=dispute.negotiation_left_ms or 0)
    return least.model_copy(update={"until": max(least.until, now + left)})


def _met(dispute: Dispute, by: Actor, now: datetime) -> list[Event]:
    """Terms that are equal settle, and an offer above the ask settles at the ask (protocol, Five phases)."""
    asked, given = dispute.live_terms(Role.BUYER), dispute.live_terms(Role.SELLER)
    if asked is None or given is None or asked.remedy != given.remedy or asked.amount > given.amount:
        return []
    live = [offer for offer in dispute.offers if offer.by is Role.BUYER and offer.state is OfferState.LIVE]
    return settle(
        dispute,
        asked.amount,
        Outcome.SETTLED,
        How.AGREEMENT,
        by=by,
        at=now,
        rule=f"{dispute.phase}.terms-met",
        accepted_offer_id=live[-1].offer_id if live else CLAIM,
    )


def accept_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    if actor.role is not Role.SELLER or not claim_stands(dispute):
        decline_gate(dispute, actor, now)


def decline_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """Something of the other side's must be live."""
    made = [offer.state for offer in dispute.offers if offer.by != actor.role]
    if not made:
        raise Refused(Code.OFFER_NOT_FOUND)
    if OfferState.LIVE not in made:
        raise Refused(Code.OFFER_NOT_LIVE, state=made[-1].value)


def accept_offer(dispute: Dispute, command: AcceptOffer, actor: Actor, now: datetime) -> list[Event]:
    if command.offer_id == CLAIM:
        if actor.role is Role.BUYER:
            raise Refused(Code.OWN_OFFER)
        return accept_claim(dispute, actor, now)
    standing = _of_other_side(dispute, command.offer_id, actor)
    return settle(
        dispute,
        standing.terms.amount,
        Outcome.SETTLED,
        How.AGREEMENT,
        by=actor,
        at=now,
        rule=f"{dispute.phase}.offer-accepted",
        accepted_offer_id=standing.offer_id,
    )


def accept_claim(dispute: Dispute, actor: Actor, now: datetime) -> list[Event]:
    """The seller takes the claim as it stands; raises `Refused` when an offer of the buyer's replaced it."""
    if not claim_stands(dispute):
        raise Refused(Code.CLAIM_REPLACED)
    return settle(
        dispute,
        dispute.claim.terms.amount,
        Outcome.SETTLED,
        How.ACCEPTANCE,
        by=actor,
        at=now,
        rule=f"{dispute.phase}.claim-accepted",
        accepted_offer_id=CLAIM,
    )


def decline_offer(dispute: Dispute, command: DeclineOffer, actor: Actor, now: datetime) -> list[Event]:
    standing = _of_other_side(dispute, command.offer_id, actor)
    return [
        OfferDeclined(
            at=now,
            by=actor,
            rule=f"{dispute.phase}.offer-declined",
            ended=_wait_ids(dispute, standing),
            offer_id=standing.offer_id,
            reason=command.reason,
        )
    ]


def _of_other_side(dispute: Dispute, offer_id: str, actor: Actor) -> StandingOffer:
    standing = dispute.offer(offer_id)
    if standing is None:
        raise Refused(Code.OFFER_NOT_FOUND, offer_id=offer_id)
    if standing.by == actor.role:
        raise Refused(Code.OWN_OFFER)
    if standing.state is not OfferState.LIVE:
        raise Refused(Code.OFFER_NOT_LIVE, state=standing.state.value)
    return standing


def _wait_ids(dispute: Dispute, *offers: StandingOffer) -> tuple[str, ...]:
    ids = {f"{WaitKind.OFFER}.{offer.offer_id}" for offer in offers}
    return tuple(wait.wait_id for wait in dispute.waits if wait.wait_id in ids)


def offer_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """No consent: the offer is gone, nothing else changes."""
    offer_id = wait.wait_id.removeprefix(f"{WaitKind.OFFER}.")
    rule = f"{dispute.phase}.offer-lapsed"
    return [OfferLapsed(at=now, by=SYSTEM, rule=rule, ended=(wait.wait_id,), offer_id=offer_id)]
