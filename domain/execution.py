"""Execution: the settlement's legs, what the outside world reports of them, and the cap that leads here at last."""

from __future__ import annotations

from datetime import datetime

from domain.dispute import Dispute, How, Leg, LegState, Outcome, Phase, Wait, WaitKind
from domain.events import CapAlarmed, Closed, Event, FactsGathered, LegSettled, LegStuck
from domain.evolving import evolve
from domain.order import ParcelFact
from domain.settlement import ask, carry_out, settle
from domain.waits import SYSTEM, left_behind, start


def gathered(dispute: Dispute, parcels: tuple[ParcelFact, ...], now: datetime) -> list[Event]:
    """Facts that say something new of their parcel; [] when only the asking is newer, or the dispute is closed."""
    if dispute.phase is Phase.CLOSED:
        return []
    known = {(fact.parcel_id, fact.direction): _said(fact) for fact in dispute.parcel_facts}
    news = tuple(fact for fact in parcels if known.get((fact.parcel_id, fact.direction)) != _said(fact))
    return [FactsGathered(at=now, by=SYSTEM, rule=f"{dispute.phase}.facts", parcels=news)] if news else []


def _said(fact: ParcelFact) -> ParcelFact:
    """What a fact says apart from when it was asked: unknown since T stays unknown since T."""
    return fact.model_copy(update={"as_of": None})


def leg_settled(dispute: Dispute, leg: str, reference: str, now: datetime) -> list[Event]:
    """The provider confirms a leg under its `reference`; the last one closes the dispute.

    A stuck leg may settle later. [] when the leg is settled already or not of this settlement.
    """
    if _unsettled(dispute, leg) is None:
        return []
    settled = LegSettled(at=now, by=SYSTEM, rule="execution.leg-settled", leg=leg, provider_reference=reference)
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
    """The provider refuses a leg for now; [] when it is settled, or known to be stuck for the same reason."""
    found = _unsettled(dispute, leg)
    if found is None or found.stuck_because == because:
        return []
    return [LegStuck(at=now, by=SYSTEM, rule="execution.leg-stuck", leg=leg, because=because)]


def _unsettled(dispute: Dispute, name: str) -> Leg | None:
    legs = dispute.settlement.legs if dispute.settlement else ()
    return next((leg for leg in legs if leg.leg == name and leg.state is not LegState.SETTLED), None)


def refund_lapses(dispute: Dispute, wait: Wait, now: datetime) -> list[Event]:
    """Money is late: an operator must look at the target, and pay by hand at the second clock (protocol, Money)."""
    assert dispute.settlement is not None
    manual = wait.kind is WaitKind.REFUND_MANUAL
    late = [leg for leg in dispute.settlement.legs if leg.state is not LegState.SETTLED]
    return [
        LegStuck(
            at=now,
            by=SYSTEM,
            rule="execution.refund-manual" if manual else "execution.refund-overdue",
            # The clock ends with the first leg; there is one clock for all of them.
            ended=(wait.wait_id,) if leg is late[0] else (),
            leg=leg.leg,
            because=leg.stuck_because or "not_settled_in_time",
            attention="refund_manual" if manual else "refund_overdue",
        )
        for leg in late
    ]


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
