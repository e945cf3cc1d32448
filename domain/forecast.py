"""The future in which nobody acts: what each clock's silence means, and the ending the dispute runs towards.

There is no table of silences here: the answers are found by letting the clocks run out with `lapse` and `evolve`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from domain.commands import Role
from domain.deadlines import lapse, next_deadline
from domain.dispute import Dispute, How, LegState, Outcome, Phase, Wait
from domain.events import AnswerMissed, Event, LeaseLapsed, LegRetried, OfferLapsed
from domain.evolving import evolve
from domain.execution import leg_settled
from domain.model import Frozen, Identifier, Instant
from domain.money import Money


class Silence(StrEnum):
    """What happens when a clock runs out, in one word that stays; texts for people are made from it."""

    CLAIM_ACCEPTED = "claim_accepted"
    DISPUTE_LAPSES = "dispute_lapses"
    OFFER_LAPSES = "offer_lapses"
    COMPLAINT_FILED = "complaint_filed"
    REVIEW_BEGINS = "review_begins"
    REVIEW_GOES_ON = "review_goes_on"
    BACK_TO_QUEUE = "back_to_queue"
    PROPOSAL_CONFIRMED = "proposal_confirmed"
    DECISION_STANDS = "decision_stands"
    PLATFORM_PAYS = "platform_pays"
    PLATFORM_ALERTED = "platform_alerted"
    REFUND_ASKED_AGAIN = "refund_asked_again"


class ComingDeadline(Frozen):
    """One clock that runs out if nobody acts: the wait, whose act would end it, and what its end does.

    `rule` is the id of the rule that applies then, `phase` the phase behind it.
    """

    waiting_for: Identifier
    actors: tuple[Role, ...]
    at: Instant
    on_silence: Silence
    rule: Identifier
    phase: Phase


class Forecast(Frozen):
    """Every coming deadline in order, then the ending; `amount` is what the buyer gets.

    Outcome, how, amount and closing are None when the dispute stays open until somebody looks: its last deadline then
    comes again and again. `assumes_provider_settles` is true when money moves on the way: the provider's answer cannot
    be foreseen and is taken as yes, at once.
    """

    dispute_id: Identifier
    version: int
    as_of: Instant
    deadlines: tuple[ComingDeadline, ...]
    outcome: Outcome | None
    how: How | None
    amount: Money | None
    closes_at: Instant | None
    assumes_provider_settles: bool


class Step(NamedTuple):
    """One lapse on the course of silence: the clock, when it took effect, its events, the states on both sides."""

    wait: Wait
    at: datetime
    events: list[Event]
    before: Dispute
    after: Dispute


def course(dispute: Dispute, now: datetime) -> Iterator[Step]:
    """The lapses that follow each other if nobody acts from `now` (UTC) on; overdue clocks lapse at `now`.

    Ends with execution or closing, or where a clock would run out a second time with the same effect.
    """
    seen: set[tuple[str, Phase, str]] = set()
    while dispute.phase not in (Phase.EXECUTION, Phase.CLOSED):
        wait = next_deadline(dispute)
        if wait is None:
            return
        step = _lapsed(dispute, wait, max(now, wait.until))
        if not step.events:
            raise RuntimeError(f"the clock {wait.wait_id} of {dispute.dispute_id} runs out and nothing happens")
        effect = (wait.wait_id, step.after.phase, step.events[0].rule)
        if effect in seen:
            return
        seen.add(effect)
        yield step
        dispute, now = step.after, step.at


def silence_means(dispute: Dispute, wait: Wait) -> Silence:
    """What happens when `wait`, a clock of this dispute, runs out before anything else does."""
    later = wait.until + timedelta(days=1)
    others_later = tuple(
        other if other.wait_id == wait.wait_id else other.model_copy(update={"until": max(other.until, later)})
        for other in dispute.waits
    )
    alone = dispute.model_copy(update={"waits": others_later})
    return _meaning(_lapsed(alone, wait, wait.until))


def forecast(dispute: Dispute, now: datetime) -> Forecast:
    """What comes if nobody acts from `now` (UTC) on."""
    steps = tuple(course(dispute, now))
    end, at = (steps[-1].after, steps[-1].at) if steps else (dispute, now)
    executing = end.phase is Phase.EXECUTION
    if executing:
        end = _paid(end, at)
    closed = end.phase is Phase.CLOSED
    nothing = Money(amount_minor=0, currency=end.claim.disputed.currency)
    return Forecast(
        dispute_id=dispute.dispute_id,
        version=dispute.version,
        as_of=now,
        deadlines=tuple(
            ComingDeadline(
                waiting_for=step.wait.wait_id,
                actors=step.wait.actors,
                at=step.at,
                on_silence=_meaning(step),
                rule=step.events[0].rule,
                phase=step.after.phase,
            )
            for step in steps
        ),
        outcome=end.outcome,
        how=end.how,
        amount=(end.settlement.amount if end.settlement else nothing) if closed else None,
        closes_at=end.closed_at,
        assumes_provider_settles=executing,
    )


def _lapsed(dispute: Dispute, wait: Wait, at: datetime) -> Step:
    events = lapse(dispute, at)
    after = dispute
    for event in events:
        after = evolve(after, event)
    return Step(wait, at, events, dispute, after)


def _paid(dispute: Dispute, at: datetime) -> Dispute:
    """The dispute once the provider has settled every open leg."""
    assert dispute.settlement is not None
    for leg in dispute.settlement.legs:
        if leg.state is not LegState.SETTLED:
            for event in leg_settled(dispute, leg.leg, "foreseen", at):
                dispute = evolve(dispute, event)
    return dispute


def _meaning(step: Step) -> Silence:
    """The word for what a lapse did, read from the states on both sides and its events, never from the clock's kind."""
    phase = step.after.phase
    if phase is not step.before.phase:
        if phase is Phase.COMPLAINT:
            return Silence.COMPLAINT_FILED
        return Silence.REVIEW_BEGINS if phase is Phase.REVIEW else _ending(step)
    match step.events[0]:
        case OfferLapsed():
            return Silence.OFFER_LAPSES
        case LeaseLapsed():
            return Silence.BACK_TO_QUEUE
        case AnswerMissed():
            return Silence.REVIEW_GOES_ON
        case LegRetried():
            return Silence.REFUND_ASKED_AGAIN
        case _:
            return Silence.PLATFORM_ALERTED


def _ending(step: Step) -> Silence:
    settlement = step.after.settlement
    how = settlement.how if settlement else step.after.how
    if how is How.PLATFORM:
        return Silence.PLATFORM_PAYS
    if how is not How.SILENCE:
        return Silence.DECISION_STANDS
    if step.before.phase is Phase.PROPOSAL:
        return Silence.PROPOSAL_CONFIRMED
    return Silence.DISPUTE_LAPSES if step.after.outcome is Outcome.LAPSED else Silence.CLAIM_ACCEPTED
