"""A dispute as its readers see it: whose turn it is, what each may do now, and the view of the interfaces."""

from __future__ import annotations

from datetime import datetime

from domain.commands import COMMANDS, Actor, Role
from domain.deciding import permitted
from domain.dispute import (
    Claim,
    Complaint,
    Dispute,
    LegState,
    Outcome,
    Phase,
    Proposal,
    Settlement,
    Side,
    StandingOffer,
)
from domain.forecast import Silence, course, silence_means
from domain.model import Frozen, Identifier, Instant
from domain.money import Currency, Money
from domain.policy import Reason
from domain.refusals import Code, Language, Refused, sentence
from domain.working_time import rfc3339


class AllowedAction(Frozen):
    """A command the actor may use now; `until` is when silence takes it away, None where no clock does."""

    command: Identifier
    until: Instant | None = None


class RefusedAction(Frozen):
    """A command the actor may not use now, why in both languages, and the instant it opens, where one is known."""

    command: Identifier
    code: Code
    why: dict[Language, str]
    until: Instant | None = None


class OrderSeen(Frozen):
    order_id: Identifier
    market: Identifier
    currency: Currency
    purchased_at: Instant


class Parties(Frozen):
    buyer_id: Identifier
    seller_id: Identifier


class Appeal(Frozen):
    """The review at level 2: who rejected, and the side whose answer is waited for."""

    since: Instant
    rejected_by: Side | None
    owes_answer: Side | None


class DeadlineSeen(Frozen):
    """A running clock, named by what it waits for; `actor` is whose act would end it, empty for the platform's own."""

    waiting_for: Identifier
    actor: tuple[Role, ...]
    at: Instant
    paused: bool = False
    on_silence: Silence


class MoneySeen(Frozen):
    """The sum in dispute, what the buyer asks for now, what was fixed, and what the provider has paid back so far."""

    disputed: Money
    asked: Money | None
    settled: Money | None
    refunded: Money


class PolicySeen(Frozen):
    id: Identifier
    version: Identifier


class View(Frozen):
    """The dispute as the API, the client and the query answer it; fields as in the interfaces page."""

    id: Identifier
    phase: Phase
    outcome: Outcome | None
    reason: Reason
    order: OrderSeen
    parties: Parties
    claim: Claim
    offers: tuple[StandingOffer, ...]
    complaint: Complaint | None
    evidence_requests: None = None
    proposal: Proposal | None
    settlement: Settlement | None
    appeal: Appeal | None
    whose_turn: tuple[Role, ...]
    deadlines: tuple[DeadlineSeen, ...]
    allowed_actions: tuple[AllowedAction, ...] = ()
    refused_actions: tuple[RefusedAction, ...] = ()
    money: MoneySeen
    policy: PolicySeen
    version: int
    evidence_version: int
    opened_at: Instant
    closed_at: Instant | None


def whose_turn(dispute: Dispute) -> tuple[Role, ...]:
    """The roles whose act is waited for, in the order of `Role`; empty once the dispute is closed.

    A review waits for its arbiter beside any party, execution for the platform's automation; in negotiation, while no
    clock names a party, either side may go on.
    """
    if dispute.phase is Phase.CLOSED:
        return ()
    if dispute.phase is Phase.EXECUTION:
        return (Role.SYSTEM,)
    named = {role for wait in dispute.waits for role in wait.actors}
    if dispute.phase is Phase.REVIEW:
        named.add(Role.ARBITER)
    return tuple(role for role in Role if role in (named or {Role.BUYER, Role.SELLER}))


def allowed_actions(dispute: Dispute, actor: Actor, now: datetime) -> tuple[AllowedAction, ...]:
    """What this actor may do at `now` (UTC), each until the first clock on the course of silence takes it away."""
    names = [name for name in COMMANDS if _refusal(dispute, name, actor, now) is None]
    gone: dict[str, datetime] = {}
    for step in course(dispute, now):
        for name in names:
            if name not in gone and _refusal(step.after, name, actor, step.at) is not None:
                gone[name] = step.at
    return tuple(AllowedAction(command=name, until=gone.get(name)) for name in names)


def refused_actions(dispute: Dispute, actor: Actor, now: datetime) -> tuple[RefusedAction, ...]:
    """What this actor may not do at `now` (UTC), and why."""
    refusals = ((name, _refusal(dispute, name, actor, now)) for name in COMMANDS)
    return tuple(_told(name, refused) for name, refused in refusals if refused is not None)


def view(dispute: Dispute, actor: Actor | None, now: datetime) -> View:
    """The dispute at `now` (UTC) with what `actor` may do; without an actor, as operators see it, no actions."""
    claim, review, settlement = dispute.claim, dispute.review, dispute.settlement
    asked = dispute.live_terms(Role.BUYER)
    return View(
        id=dispute.dispute_id,
        phase=dispute.phase,
        outcome=dispute.outcome,
        reason=claim.reason,
        order=OrderSeen.model_validate(dispute.order, from_attributes=True),
        parties=Parties(buyer_id=dispute.buyer_id, seller_id=dispute.seller_id),
        claim=claim,
        offers=dispute.offers,
        complaint=dispute.complaint,
        proposal=dispute.proposal,
        settlement=settlement,
        appeal=Appeal(since=review.since, rejected_by=review.rejected_by, owes_answer=review.owes_answer)
        if review and review.level == 2
        else None,
        whose_turn=whose_turn(dispute),
        deadlines=tuple(
            DeadlineSeen(
                waiting_for=wait.wait_id, actor=wait.actors, at=wait.until, on_silence=silence_means(dispute, wait)
            )
            for wait in sorted(dispute.waits, key=lambda wait: wait.until)
        ),
        allowed_actions=allowed_actions(dispute, actor, now) if actor else (),
        refused_actions=refused_actions(dispute, actor, now) if actor else (),
        money=MoneySeen(
            disputed=claim.disputed,
            asked=asked.amount if asked else None,
            settled=settlement.amount if settlement else None,
            refunded=_refunded(dispute),
        ),
        policy=PolicySeen(id=dispute.policy.policy_id, version=dispute.policy.version),
        version=dispute.version,
        evidence_version=dispute.evidence_version,
        opened_at=dispute.opened_at,
        closed_at=dispute.closed_at,
    )


def summary(dispute: Dispute) -> tuple[str, str]:
    """One line (at most 200 bytes) and a few lines of markdown on what was opened; opaque ids, nothing personal."""
    asked, order = dispute.claim.terms.amount, dispute.order
    lines = ", ".join(f"line {line} × {units}" for line, units in dispute.claim.lines[:20])
    title = f"{dispute.claim.reason}: {asked.amount_minor} {asked.currency} (minor units), order {order.order_id}"
    facts = {
        "Order": f"{order.order_id} in {order.market}",
        "Disputed": f"{lines}, {dispute.claim.disputed.amount_minor} {asked.currency} (minor units)",
        "Goods": dispute.claim.goods,
        "Opened": rfc3339(dispute.opened_at),
        "Policy": f"{dispute.policy.policy_id} {dispute.policy.version}",
    }
    return title, "\n".join(f"- **{name}:** {fact}" for name, fact in facts.items())


def details(dispute: Dispute, last_refused: str | None = None) -> str:
    """Markdown for people who watch the running dispute: phase, whose turn, each clock and what its silence means.

    `last_refused` is the last refused message in words, if there was one.
    """
    told = [f"**{dispute.phase}**, version {dispute.version}"]
    if dispute.outcome:
        told.append(f"Outcome: {dispute.outcome}, by {dispute.how}")
    if turn := whose_turn(dispute):
        told.append(f"Turn: {', '.join(turn)}")
    if dispute.needs_attention:
        told.append(f"Needs attention: {dispute.needs_attention}")
    for wait in sorted(dispute.waits, key=lambda wait: wait.until):
        told.append(f"`{wait.wait_id}` until {rfc3339(wait.until)}, silence means {silence_means(dispute, wait)}")
    if last_refused:
        told.append(f"Last refused: {last_refused}")
    return "\n".join(f"- {line}" for line in told)


def _refusal(dispute: Dispute, name: str, actor: Actor, now: datetime) -> Refused | None:
    try:
        permitted(dispute, name, actor, now)
    except Refused as refused:
        return refused
    return None


def _told(command: str, refused: Refused) -> RefusedAction:
    languages: tuple[Language, ...] = ("zh-CN", "en")
    why = {language: sentence(refused.code, language, refused.detail) for language in languages}
    until = refused.detail.get("until")
    return RefusedAction(
        command=command,
        code=refused.code,
        why=why,
        until=datetime.fromisoformat(until) if isinstance(until, str) else None,
    )


def _refunded(dispute: Dispute) -> Money:
    legs = dispute.settlement.legs if dispute.settlement else ()
    settled = sum(leg.amount.amount_minor for leg in legs if leg.state is LegState.SETTLED)
    return Money(amount_minor=settled, currency=dispute.claim.disputed.currency)
