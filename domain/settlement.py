"""Fixing an outcome: what the buyer asks, which outcome an amount is, and the legs that carry it out."""

from __future__ import annotations

from datetime import datetime

from domain.commands import Actor, Role, Terms
from domain.dispute import Dispute, How, Leg, Outcome, Phase, Resolution, Settlement, WaitKind
from domain.events import Closed, Event, ExecutionBegan
from domain.money import Money, allocate
from domain.order import paid_by
from domain.policy import Liable
from domain.waits import left_behind, start

CLAIM = "claim"
"""The offer id of the claim itself, which stands as the buyer's first offer."""


def ask(dispute: Dispute) -> Terms:
    """What a decision is measured against: the buyer's live terms, else the claim it came with."""
    return dispute.live_terms(Role.BUYER) or dispute.claim.terms


def outcome_of(dispute: Dispute, amount: Money) -> Outcome:
    """Nothing dismisses the claim, all it asked for upholds it, anything between does so in part."""
    if amount.amount_minor == 0:
        return Outcome.DISMISSED
    return Outcome.UPHELD if amount >= dispute.claim.terms.amount else Outcome.PARTLY_UPHELD


def settle(
    dispute: Dispute,
    amount: Money,
    outcome: Outcome,
    how: How,
    *,
    by: Actor,
    at: datetime,
    rule: str,
    nearest: str | None = None,
    accepted_offer_id: str | None = None,
    liable: Liable | None = None,
) -> list[Event]:
    """Execution of `amount` with its legs planned, or the closing when there is nothing to move."""
    if amount.amount_minor == 0:
        return [
            Closed(
                at=at,
                by=by,
                rule=rule,
                nearest=nearest,
                ended=left_behind(dispute, Phase.CLOSED),
                phase=Phase.CLOSED,
                outcome=outcome,
                how=how,
                accepted_offer_id=accepted_offer_id,
            )
        ]
    clocks = dispute.policy.clocks
    return [
        ExecutionBegan(
            at=at,
            by=by,
            rule=rule,
            nearest=nearest,
            began=(
                start(dispute, WaitKind.REFUND_TARGET, clocks.refund_target, at),
                start(dispute, WaitKind.REFUND_MANUAL, clocks.refund_manual, at),
            ),
            ended=left_behind(dispute, Phase.EXECUTION),
            phase=Phase.EXECUTION,
            settlement=Settlement(outcome=outcome, how=how, amount=amount, legs=legs(dispute, amount)),
            accepted_offer_id=accepted_offer_id,
            liable=liable,
        )
    ]


def carry_out(
    dispute: Dispute,
    resolution: Resolution,
    how: How,
    *,
    by: Actor,
    at: datetime,
    rule: str,
    nearest: str | None = None,
) -> list[Event]:
    """Execution of what was decided."""
    return settle(
        dispute,
        resolution.amount,
        outcome_of(dispute, resolution.amount),
        how,
        by=by,
        at=at,
        rule=rule,
        nearest=nearest,
        liable=resolution.liable,
    )


def legs(dispute: Dispute, amount: Money) -> tuple[Leg, ...]:
    """One refund a payment, in proportion to what it paid for the disputed lines; no leg where that is nothing."""
    payments = dispute.order.payments
    parts = allocate(amount.amount_minor, paid_by(tuple(line for line, _ in dispute.claim.lines), dispute.order))
    paid_back = [(payment, part) for payment, part in zip(payments, parts, strict=True) if part]
    return tuple(
        Leg(
            leg="refund" if number == 1 else f"refund.{number}",
            payment_id=payment.payment_id,
            amount=Money(amount_minor=part, currency=amount.currency),
        )
        for number, (payment, part) in enumerate(paid_back, start=1)
    )
