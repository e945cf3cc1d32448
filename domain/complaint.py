"""Complaint: a side takes the claim to the platform, the other side answers or stays silent."""

from __future__ import annotations

from datetime import datetime

from domain.commands import Actor, AnswerComplaint, Complain, Role
from domain.dispute import Dispute, Phase, Side, Wait, WaitKind
from domain.events import AnswerMissed, Complained, ComplaintAnswered, Event
from domain.evolving import evolve
from domain.refusals import Code, Refused
from domain.review import first_review
from domain.waits import BOTH, SYSTEM, left_behind, other, running, side, start
from domain.working_time import after, rfc3339


def complain_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """The buyer once the seller has answered, or some time after opening; the seller once it has answered."""
    if dispute.first_answer is not None:
        return
    if actor.role is Role.SELLER:
        raise Refused(Code.COMPLAIN_AFTER_ANSWER)
    from_then_on = after(dispute.opened_at, dispute.policy.clocks.complain_after_opening, dispute.calendar)
    if now < from_then_on:
        raise Refused(Code.COMPLAIN_TOO_EARLY, until=rfc3339(from_then_on))


def complain(dispute: Dispute, command: Complain, actor: Actor, now: datetime) -> list[Event]:
    return [filed(dispute, actor, now, "negotiation.complained", (other(side(actor)),), command.statement)]


def filed(
    dispute: Dispute, by: Actor, at: datetime, rule: str, owing: tuple[Side, ...], statement: str | None = None
) -> Complained:
    """The claim goes to the platform; `owing` are the sides that have their time to answer."""
    return Complained(
        at=at,
        by=by,
        rule=rule,
        began=(start(dispute, WaitKind.COMPLAINT_ANSWER, dispute.policy.clocks.complaint_answer, at, *owing),),
        ended=left_behind(dispute, Phase.COMPLAINT),
        phase=Phase.COMPLAINT,
        statement=statement,
    )


def answer_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """Only a side that owes an answer, and once; in review only after a rejection."""
    if dispute.phase is Phase.REVIEW:
        if dispute.review is None or dispute.review.level == 1:
            raise Refused(Code.WRONG_PHASE)
        if dispute.review.owes_answer != actor.role:
            raise Refused(Code.NOT_YOUR_TURN)
        return
    if dispute.complaint is not None and actor.role in dispute.complaint.answered:
        raise Refused(Code.ALREADY_SPOKEN)
    if actor.role not in _owing(dispute):
        raise Refused(Code.NOT_YOUR_TURN)


def answer(dispute: Dispute, command: AnswerComplaint, actor: Actor, now: datetime) -> list[Event]:
    """In complaint the last answer starts the review; the seller's is its first answer too."""
    owing = tuple(party for party in _owing(dispute) if party != actor.role)
    waiting = dispute.wait(WaitKind.COMPLAINT_ANSWER)
    ended = running(dispute, WaitKind.FIRST_ANSWER) if actor.role is Role.SELLER else ()
    answered = ComplaintAnswered(
        at=now,
        by=actor,
        rule=f"{dispute.phase}.answered",
        began=(waiting.model_copy(update={"actors": owing}),) if waiting and owing else (),
        ended=ended if owing else (*ended, *running(dispute, WaitKind.COMPLAINT_ANSWER)),
        statement=command.statement,
    )
    if owing or dispute.phase is Phase.REVIEW:
        return [answered]
    return [answered, first_review(evolve(dispute, answered), actor, now, "complaint.all-answered")]


def _owing(dispute: Dispute) -> tuple[Side, ...]:
    if dispute.phase is Phase.REVIEW:
        return (dispute.review.owes_answer,) if dispute.review and dispute.review.owes_answer else ()
    if dispute.complaint is None:
        return ()
    spoken = {dispute.complaint.by, *dispute.complaint.answered}
    return tuple(party for party in BOTH if party not in spoken)


def complaint_answer_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """Review begins with what is there; at level 2 it goes on. The silent side is on record, when it is one."""
    silent = _owing(dispute)
    if dispute.phase is Phase.REVIEW:
        return [AnswerMissed(at=now, by=SYSTEM, rule="review.answer-missed", ended=(wait.wait_id,), silent=silent[0])]
    return [
        first_review(
            dispute,
            SYSTEM,
            now,
            "complaint.both-silent-to-review" if len(silent) > 1 else "complaint.answer-missed-to-review",
            nearest="complaint.all-answered",
            silent=silent[0] if len(silent) == 1 else None,
        )
    ]
