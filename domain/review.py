"""Review and appeal: the arbiter's queue, its decisions, and what happens when the platform is late itself."""

from __future__ import annotations

from datetime import datetime

from domain.commands import Actor, Decide, Role, Take
from domain.dispute import Decision, Dispute, How, Phase, Proposal, Resolution, Side, Wait, WaitKind
from domain.events import Decided, Event, LeaseLapsed, ReviewBegan, ReviewOverdue, Taken
from domain.evolving import evolve
from domain.money import Money
from domain.policy import Remedy
from domain.refusals import Code, Refused
from domain.settlement import carry_out
from domain.waits import BOTH, SYSTEM, left_behind, other, running, side, start

PROPOSAL_ID = "p1"
"""The one proposal of a dispute: a rejected one is followed by a final decision, not by another proposal."""


def first_review(
    dispute: Dispute, by: Actor, at: datetime, rule: str, *, nearest: str | None = None, silent: Side | None = None
) -> ReviewBegan:
    """Level 1: the case enters the arbiters' queue."""
    clocks = dispute.policy.clocks
    return ReviewBegan(
        at=at,
        by=by,
        rule=rule,
        nearest=nearest,
        began=(
            start(dispute, WaitKind.REVIEW_TARGET, clocks.review_target, at),
            start(dispute, WaitKind.REVIEW_HARD, clocks.review_hard, at),
        ),
        ended=left_behind(dispute, Phase.REVIEW),
        phase=Phase.REVIEW,
        level=1,
        silent=silent,
    )


def appeal(dispute: Dispute, by: Actor, at: datetime) -> ReviewBegan:
    """Level 2 after a rejection; the other side has its time to answer, which the review does not wait for."""
    clocks = dispute.policy.clocks
    answering = other(side(by))
    return ReviewBegan(
        at=at,
        by=by,
        rule="proposal.rejected-to-appeal",
        began=(
            start(dispute, WaitKind.COMPLAINT_ANSWER, clocks.complaint_answer, at, answering),
            start(dispute, WaitKind.APPEAL_TARGET, clocks.appeal_target, at),
            start(dispute, WaitKind.APPEAL_HARD, clocks.appeal_hard, at),
            start(dispute, WaitKind.APPEAL_CAP, clocks.appeal_cap, at),
        ),
        ended=left_behind(dispute, Phase.REVIEW),
        phase=Phase.REVIEW,
        level=2,
    )


def held_by(dispute: Dispute, actor: Actor) -> bool:
    """Whether this arbiter holds the case."""
    held = dispute.review is not None and dispute.review.arbiter_id == actor.id
    return held and actor.role is Role.ARBITER and dispute.phase is Phase.REVIEW


def lease(dispute: Dispute, now: datetime) -> Wait:
    """The holder's clock from now on; each of its acts renews it."""
    return start(dispute, WaitKind.LEASE, dispute.policy.clocks.lease, now, Role.ARBITER)


def take_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """Nobody judges twice in one dispute, a case it let pass the hard limit, or its own; a case has one holder."""
    assert dispute.review is not None
    decided = {decision.arbiter_id for decision in dispute.decisions}
    if actor.id in decided | {dispute.buyer_id, dispute.seller_id} | set(dispute.review.lost_by):
        raise Refused(Code.HAD_A_PART)
    if dispute.review.arbiter_id not in (None, actor.id):
        raise Refused(Code.TAKEN_BY_OTHER)


def take(dispute: Dispute, command: Take, actor: Actor, now: datetime) -> list[Event]:
    return [Taken(at=now, by=actor, rule="review.taken", began=(lease(dispute, now),))]


def decide(dispute: Dispute, command: Decide, actor: Actor, now: datetime) -> list[Event]:
    """A proposal to both parties, or at level 2 the end of the quarrel (protocol, Confirmation).

    Deciding a case that nobody holds takes it in the same act: a tool that can only signal decides in one message.
    """
    check_terms(dispute, command.remedy, command.amount, exceeds=Code.DECISION_EXCEEDS_DISPUTED)
    _check_grounds(dispute, command)
    assert dispute.review is not None
    decision = Decision(
        level=dispute.review.level,
        arbiter_id=actor.id,
        resolution=Resolution(
            remedy=command.remedy, amount=command.amount, liable=command.liable, reason_code=command.reason_code
        ),
        evidence_version=command.evidence_version,
        at=now,
    )
    taken: list[Event] = [] if held_by(dispute, actor) else [Taken(at=now, by=actor, rule="review.taken-by-deciding")]
    if decision.level == 2:
        final = Decided(at=now, by=actor, rule="review.decided-finally", decision=decision, reasons=command.reasons)
        return [
            *taken,
            final,
            *carry_out(
                evolve(dispute, final),
                decision.resolution,
                How.APPEAL,
                by=actor,
                at=now,
                rule="review.appeal-decided",
            ),
        ]
    return [
        *taken,
        Decided(
            at=now,
            by=actor,
            rule="review.decided",
            began=(start(dispute, WaitKind.CONFIRMATION, dispute.policy.clocks.confirmation, now, *BOTH),),
            ended=left_behind(dispute, Phase.PROPOSAL),
            phase=Phase.PROPOSAL,
            decision=decision,
            reasons=command.reasons,
            proposal=Proposal(proposal_id=PROPOSAL_ID, resolution=decision.resolution),
        ),
    ]


def check_terms(dispute: Dispute, remedy: Remedy, amount: Money, *, exceeds: Code) -> None:
    """Terms must be a remedy the reason allows, in the dispute's currency, within the disputed sum."""
    disputed = dispute.claim.disputed
    if remedy not in dispute.policy.reasons[dispute.claim.reason].remedies:
        raise Refused(Code.REMEDY_NOT_OFFERED, remedy=remedy.value)
    if amount.currency != disputed.currency:
        raise Refused(Code.WRONG_CURRENCY, currency=disputed.currency)
    if amount > disputed:
        raise Refused(exceeds, at_most=disputed.amount_minor, currency=disputed.currency)


def _check_grounds(dispute: Dispute, command: Decide) -> None:
    if command.evidence_version != dispute.evidence_version:
        raise Refused(Code.STALE_EVIDENCE, seen=command.evidence_version, current=dispute.evidence_version)
    least = dispute.policy.limits.reasons_text
    if len(command.reasons.strip()) < least:
        raise Refused(Code.REASONS_TOO_SHORT, least=least)


def lease_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    return [LeaseLapsed(at=now, by=SYSTEM, rule="review.lease-lapsed", ended=(wait.wait_id,))]


def target_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """The queue is told; the holder keeps the case."""
    rule = f"review.{wait.kind.replace('_', '-')}"
    return [ReviewOverdue(at=now, by=SYSTEM, rule=rule, ended=(wait.wait_id,), hard=False)]


def hard_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """Another arbiter is wanted: whoever holds the case loses it."""
    ended = (wait.wait_id, *running(dispute, WaitKind.LEASE))
    rule = f"review.{wait.kind.replace('_', '-')}"
    return [ReviewOverdue(at=now, by=SYSTEM, rule=rule, ended=ended, hard=True)]


def appeal_cap_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """Nobody decided the appeal in time: the first decision stands."""
    return carry_out(
        dispute,
        dispute.decisions[-1].resolution,
        How.ARBITER,
        by=SYSTEM,
        at=now,
        rule="review.appeal-cap",
        nearest="review.appeal-decided",
    )
