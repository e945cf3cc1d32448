"""The message thread and the evidence: what the parties and the arbiter put into the case file in every phase."""

from __future__ import annotations

from datetime import datetime

from domain.commands import Actor, Say, SubmitEvidence
from domain.dispute import Dispute, Phase
from domain.events import Event, EvidenceSubmitted, Said
from domain.refusals import Code, Refused
from domain.review import held_by, lease


def say(dispute: Dispute, command: Say, actor: Actor, now: datetime) -> list[Event]:
    """A message; the holder's word is an act and renews its lease."""
    renewed = (lease(dispute, now),) if held_by(dispute, actor) else ()
    return [Said(at=now, by=actor, rule=f"{dispute.phase}.said", began=renewed, text=command.text)]


def evidence_gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """In review only a side that owes an answer to a rejection may still give evidence."""
    in_review = dispute.phase is Phase.REVIEW
    if in_review and (dispute.review is None or dispute.review.owes_answer != actor.role):
        raise Refused(Code.EVIDENCE_CLOSED)
    check_items(dispute, 1)


def submit_evidence(dispute: Dispute, command: SubmitEvidence, actor: Actor, now: datetime) -> list[Event]:
    check_items(dispute, len(command.items))
    return [EvidenceSubmitted(at=now, by=actor, rule=f"{dispute.phase}.evidence", items=command.items)]


def check_items(dispute: Dispute, more: int) -> None:
    """Raises `Refused` when `more` items would not fit into the file."""
    limit = dispute.policy.limits.evidence_items
    if more and dispute.evidence_items + more > limit:
        raise Refused(Code.TOO_MUCH_EVIDENCE, at_most=limit, left=max(0, limit - dispute.evidence_items))
