"""Proposal: both sides confirm or reject what was decided, and the nine ways that can go."""

from __future__ import annotations

from datetime import datetime

from domain.case_file import check_items
from domain.commands import Actor, Confirm, Reject
from domain.dispute import Dispute, How, Phase, Proposal, Wait, WaitKind
from domain.events import Confirmed, Event, Rejected
from domain.evolving import evolve
from domain.refusals import Code, Refused
from domain.review import appeal
from domain.settlement import carry_out
from domain.waits import BOTH, SYSTEM


def gate(dispute: Dispute, actor: Actor, now: datetime) -> None:
    """A confirmation is final: who gave one can neither repeat nor reject."""
    if dispute.proposal is not None and actor.role in dispute.proposal.confirmed_by:
        raise Refused(Code.ALREADY_CONFIRMED)


def confirm(dispute: Dispute, command: Confirm, actor: Actor, now: datetime) -> list[Event]:
    proposal = _proposal(dispute, command.proposal_id)
    left = tuple(party for party in BOTH if party not in (*proposal.confirmed_by, actor.role))
    confirmation = dispute.wait(WaitKind.CONFIRMATION)
    still = (confirmation.model_copy(update={"actors": left}),) if confirmation and left else ()
    confirmed = Confirmed(at=now, by=actor, rule="proposal.confirmed", began=still, proposal_id=command.proposal_id)
    if left:
        return [confirmed]
    executed = carry_out(
        evolve(dispute, confirmed), proposal.resolution, How.ARBITER, by=actor, at=now, rule="proposal.both-confirmed"
    )
    return [confirmed, *executed]


def reject(dispute: Dispute, command: Reject, actor: Actor, now: datetime) -> list[Event]:
    """One appeal: an arbiter who had no part decides again, with what the rejection brings."""
    _proposal(dispute, command.proposal_id)
    check_items(dispute, len(command.items))
    rejected = Rejected(
        at=now,
        by=actor,
        rule="proposal.rejected",
        proposal_id=command.proposal_id,
        ground=command.ground,
        statement=command.statement,
        items=command.items,
    )
    return [rejected, appeal(evolve(dispute, rejected), actor, now)]


def _proposal(dispute: Dispute, proposal_id: str) -> Proposal:
    if dispute.proposal is None or dispute.proposal.proposal_id != proposal_id:
        raise Refused(Code.PROPOSAL_NOT_FOUND, proposal_id=proposal_id)
    return dispute.proposal


def confirmation_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """Silence confirms (protocol, Confirmation): the rule names who was silent."""
    assert dispute.proposal is not None
    silent = [party for party in BOTH if party not in dispute.proposal.confirmed_by]
    who = silent[0].value if len(silent) == 1 else "both"
    return carry_out(
        dispute,
        dispute.proposal.resolution,
        How.SILENCE,
        by=SYSTEM,
        at=now,
        rule=f"{Phase.PROPOSAL}.deemed-{who}-silent",
        nearest="proposal.both-confirmed",
    )
