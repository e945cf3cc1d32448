"""Execution: the settlement's legs, what the outside world reports of them, and the cap that leads here at last."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from domain.dispute import Dispute, How, Leg, LegState, Outcome, Phase, Wait, WaitKind
from domain.events import CapAlarmed, Closed, Event, FactsGathered, LegRetried, LegSettled, LegStuck, RefundOverdue
from domain.evolving import evolve
from domain.facts import Facts, OrderFact, PaymentFact
from domain.order import ParcelFact
from domain.settlement import ask, carry_out, settle
from domain.waits import SYSTEM, left_behind, start
from domain.working_time import span

AnyFact = TypeVar("AnyFact", OrderFact, PaymentFact, ParcelFact)


def gathered(dispute: Dispute, facts: Facts, now: datetime) -> list[Event]:
    """Facts that say something new; [] when only the asking is newer, or the dispute is closed."""
    if dispute.phase is Phase.CLOSED:
        return []
    parcels = {(fact.parcel_id, fact.direction): _said(fact) for fact in dispute.parcel_facts}
    payments = {fact.payment_id: _said(fact) for fact in dispute.payment_facts}
    known_order = _said(dispute.order_fact) if dispute.order_fact else None
    news = Facts(
        order=facts.order if facts.order is not None and _said(facts.order) != known_order else None,
        payments=tuple(fact for fact in facts.payments if payments.get(fact.payment_id) != _said(fact)),
        parcels=tuple(fact for fact in facts.parcels if parcels.get((fact.parcel_id, fact.direction)) != _said(fact)),
    )
    return [FactsGathered(at=now, by=SYSTEM, rule=f"{dispute.phase}.facts", facts=news)] if news != Facts() else []


def _said(fact: AnyFact) -> AnyFact:
    """What a fact says apart from when it was asked: unknown since T stays unknown since T."""
    return fact.model_copy(update={"as_of": None})


def leg_settled(dispute: Dispute, leg: str, reference: str, now: datetime) -> list[Event]:
    """The provider confirms a leg under its `reference`; the last one closes the dispute.

    A stuck leg may settle later. [] when the leg is settled already or not of this settlement.
    """
    if _unsettled(dispute, leg) is None:
        return []
    retry = tuple(wait.wait_id for wait in dispute.waits if wait.wait_id == f"{WaitKind.REFUND_RETRY}.{leg}")
    settled = LegSettled(
        at=now, by=SYSTEM, rule="execution.leg-settled", ended=retry, leg=leg, provider_reference=reference
    )
    afterwards = evolve(dispute, settled)
    settlement = afterwards.settlement
    if settlement is None or any(leg.state is not LegState.SETTLED for leg in settlement.legs):
        return [settled]
    closed = Closed(
        at=now,
        by=SYSTEM,
        rule="execution.all-legs-settled",
        ended=left_behind(afterwards, Phase.CLOSED),
        phase=Phase.CLOSED,
        outcome=settlement.outcome,
        how=settlement.how,
    )
    return [settled, closed]


def leg_stuck(dispute: Dispute, leg: str, because: str, now: datetime) -> list[Event]:
    """The provider refuses a leg for now; it is asked again later, at growing distances. [] when it is settled.

    The distance doubles from policy.clocks.refund_retry up to refund_target.
    """
    found = _unsettled(dispute, leg)
    if found is None or found.state is LegState.STUCK:
        return []
    clocks = dispute.policy.clocks
    distance = min(span(clocks.refund_retry) * 2 ** min(found.refusals, 20), span(clocks.refund_target))
    retry = Wait(
        wait_id=f"{WaitKind.REFUND_RETRY}.{leg}", kind=WaitKind.REFUND_RETRY, actors=(), began=now, until=now + distance
    )
    return [LegStuck(at=now, by=SYSTEM, rule="execution.leg-stuck", began=(retry,), leg=leg, because=because)]


def retry_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """The refused leg is planned again."""
    leg = wait.wait_id.removeprefix(f"{WaitKind.REFUND_RETRY}.")
    return [LegRetried(at=now, by=SYSTEM, rule="execution.leg-retried", ended=(wait.wait_id,), leg=leg)]


def _unsettled(dispute: Dispute, name: str) -> Leg | None:
    legs = dispute.settlement.legs if dispute.settlement else ()
    return next((leg for leg in legs if leg.leg == name and leg.state is not LegState.SETTLED), None)


def refund_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """Money is late: an operator must look at the target, and pay by hand at the second clock (protocol, Money)."""
    hard = wait.kind is WaitKind.REFUND_MANUAL
    rule = "execution.refund-manual" if hard else "execution.refund-overdue"
    return [RefundOverdue(at=now, by=SYSTEM, rule=rule, ended=(wait.wait_id,), hard=hard)]


def cap_alarm_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    return [CapAlarmed(at=now, by=SYSTEM, rule=f"{dispute.phase}.cap-alarm", ended=(wait.wait_id,))]


def cap_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """The last decision is final; without one the platform pays within its limit, and above it asks daily for help."""
    if dispute.decisions:
        decided = dispute.decisions[-1].resolution
        rule = f"{dispute.phase}.cap-decision-final"
        return carry_out(dispute, decided, How.ARBITER, by=SYSTEM, at=now, rule=rule)
    asked = ask(dispute).amount
    paid, alarm = f"{dispute.phase}.cap-platform-pays", f"{dispute.phase}.cap-above-advance"
    if asked.amount_minor <= dispute.policy.amounts[asked.currency].advance:
        return settle(dispute, asked, Outcome.UPHELD, How.PLATFORM, by=SYSTEM, at=now, rule=paid)
    again = start(dispute, WaitKind.CAP, dispute.policy.clocks.cap_repeat, now)
    return [CapAlarmed(at=now, by=SYSTEM, rule=alarm, nearest=paid, began=(again,))]
