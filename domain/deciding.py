"""Which command may be used by whom, when, and what it causes: the registry, and `decide` on top of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import case_file, complaint, negotiation, offers, proposal, review
from domain.commands import Actor, Command, Role
from domain.dispute import Dispute, Phase, WaitKind
from domain.events import Event, EvidenceSubmitted, OfferDeclined, Offered, Said
from domain.refusals import Code, Refused

Gate = Callable[[Dispute, Actor, datetime], None]
Handler = Callable[[Dispute, Any, Actor, datetime], list[Event]]

PARTIES = (Role.BUYER, Role.SELLER)
BEFORE_EXECUTION = (Phase.NEGOTIATION, Phase.COMPLAINT, Phase.REVIEW, Phase.PROPOSAL)
LIVE = (*BEFORE_EXECUTION, Phase.EXECUTION)


@dataclass(frozen=True)
class CommandRule:
    """Who may use a command in which phases, the code it is refused with in others, and what judges it there.

    The gate knows no fields and raises `Refused` when no form of the command can be used now; the handler answers
    with the events or raises `Refused` for these fields.
    """

    roles: tuple[Role, ...]
    phases: tuple[Phase, ...]
    handler: Handler
    gate: Gate | None = None
    elsewhere: Code = Code.WRONG_PHASE


REGISTRY: dict[str, CommandRule] = {
    "say": CommandRule((*PARTIES, Role.ARBITER), LIVE, case_file.say),
    "answer": CommandRule(
        (Role.SELLER,), (Phase.NEGOTIATION, Phase.COMPLAINT), negotiation.answer, negotiation.answer_gate
    ),
    "offer": CommandRule(PARTIES, BEFORE_EXECUTION, offers.offer, offers.offer_gate),
    "accept_offer": CommandRule(PARTIES, BEFORE_EXECUTION, offers.accept_offer, offers.accept_gate),
    "decline_offer": CommandRule(PARTIES, BEFORE_EXECUTION, offers.decline_offer, offers.decline_gate),
    "withdraw": CommandRule((Role.BUYER,), BEFORE_EXECUTION, negotiation.withdraw),
    "complain": CommandRule(PARTIES, (Phase.NEGOTIATION,), complaint.complain, complaint.complain_gate),
    "answer_complaint": CommandRule(PARTIES, (Phase.COMPLAINT, Phase.REVIEW), complaint.answer, complaint.answer_gate),
    "submit_evidence": CommandRule(
        PARTIES,
        (Phase.NEGOTIATION, Phase.COMPLAINT, Phase.REVIEW),
        case_file.submit_evidence,
        case_file.evidence_gate,
        elsewhere=Code.EVIDENCE_CLOSED,
    ),
    "take": CommandRule((Role.ARBITER,), (Phase.REVIEW,), review.take, review.take_gate),
    "decide": CommandRule((Role.ARBITER,), (Phase.REVIEW,), review.decide, review.take_gate),
    "confirm": CommandRule(PARTIES, (Phase.PROPOSAL,), proposal.confirm, proposal.gate),
    "reject": CommandRule(PARTIES, (Phase.PROPOSAL,), proposal.reject, proposal.gate),
}
"""Every command a running dispute takes, by name (protocol, Commands)."""


def permitted(dispute: Dispute, name: str, actor: Actor, now: datetime) -> None:
    """Raises `Refused` when this actor may not use this command now (aware, UTC), whatever its fields.

    A stranger learns first that it is one, and nothing of the case.
    """
    if actor.role in PARTIES and not dispute.party(actor):
        raise Refused(Code.NOT_A_PARTY)
    rule = REGISTRY.get(name)
    if rule is None:
        raise Refused(Code.UNKNOWN_COMMAND, command=name)
    if actor.role not in rule.roles:
        raise Refused(Code.NOT_YOUR_ROLE, role=actor.role.value, command=name)
    if dispute.phase is Phase.CLOSED:
        raise Refused(Code.CLOSED)
    if dispute.phase not in rule.phases:
        raise Refused(rule.elsewhere, phase=dispute.phase.value, command=name)
    if rule.gate is not None:
        rule.gate(dispute, actor, now)


def decide(dispute: Dispute, command: Command, actor: Actor, now: datetime) -> list[Event]:
    """The events an accepted command causes, in order; `now` is its receipt (aware, UTC).

    Raises `Refused` with the code of the first rule that says no. Clocks that ran out before `now` must have been
    settled with `lapse` first: a command is judged on the state it meets.
    """
    permitted(dispute, command.name, actor, now)
    return REGISTRY[command.name].handler(dispute, command, actor, now)


def remark(before: Dispute, events: Sequence[Event]) -> Code | None:
    """What an accepted command did not do: while the seller's first answer is owed, little from it is one.

    `before` is the state the command met (protocol, What silence may accept).
    """
    if before.wait(WaitKind.FIRST_ANSWER) is None or not events or events[0].by.role is not Role.SELLER:
        return None
    match events[0]:
        case Offered(answers=False):
            return Code.OFFER_IS_NO_ANSWER
        case Said() | EvidenceSubmitted() | OfferDeclined():
            return Code.MESSAGE_IS_NO_ANSWER
        case _:
            return None
