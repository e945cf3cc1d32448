"""The deadline loop's core: which clock is next, what its silence means, and grace when we were late ourselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from domain import complaint, execution, negotiation, offers, proposal, review
from domain.dispute import Dispute, Wait, WaitKind
from domain.events import Event, Extended
from domain.waits import SYSTEM
from domain.working_time import after

LAPSES: dict[WaitKind, Callable[[Dispute, Wait, datetime], list[Event]]] = {
    WaitKind.FIRST_ANSWER: negotiation.first_answer_lapses,
    WaitKind.AFTER_REFUSAL: negotiation.after_refusal_lapses,
    WaitKind.OFFER: offers.offer_lapses,
    WaitKind.NEGOTIATION: negotiation.negotiation_lapses,
    WaitKind.COMPLAINT_ANSWER: complaint.complaint_answer_lapses,
    WaitKind.CONFIRMATION: proposal.confirmation_lapses,
    WaitKind.LEASE: review.lease_lapses,
    WaitKind.REVIEW_TARGET: review.target_lapses,
    WaitKind.REVIEW_HARD: review.hard_lapses,
    WaitKind.APPEAL_TARGET: review.target_lapses,
    WaitKind.APPEAL_HARD: review.hard_lapses,
    WaitKind.APPEAL_CAP: review.appeal_cap_lapses,
    WaitKind.REFUND_RETRY: execution.retry_lapses,
    WaitKind.REFUND_TARGET: execution.refund_lapses,
    WaitKind.REFUND_MANUAL: execution.refund_lapses,
    WaitKind.CAP_ALARM: execution.cap_alarm_lapses,
    WaitKind.CAP: execution.cap_lapses,
}
"""What silence means, clock by clock (protocol, Clocks and silence)."""

_PRIORITY = {kind: place for place, kind in enumerate(WaitKind)}


def next_deadline(dispute: Dispute) -> Wait | None:
    """The clock that runs out first; at one instant the order of `WaitKind` decides. None when nothing is awaited."""
    return min(dispute.waits, key=lambda wait: (wait.until, _PRIORITY[wait.kind], wait.wait_id), default=None)


def lapse(dispute: Dispute, now: datetime) -> list[Event]:
    """What the silence of the next due clock means; [] when none is due at `now` (aware, UTC).

    One clock at a time: evolve with the answer and ask again, because the first lapse may end the others.
    """
    wait = next_deadline(dispute)
    return LAPSES[wait.kind](dispute, wait, now) if wait is not None and wait.until <= now else []


def extend_late(
    dispute: Dispute, wait_id: str, cause: Literal["worker", "intake"], late_seconds: int, now: datetime
) -> list[Event]:
    """Moves a deadline once, to `now` + policy.clocks.late_grace, because we were `late_seconds` late ourselves.

    [] when the clock is over, or had its grace: silence then counts (protocol, Received).
    """
    wait = dispute.wait(wait_id)
    if wait is None or wait.graced:
        return []
    until = after(now, dispute.policy.clocks.late_grace, dispute.calendar)
    return [
        Extended(
            at=now,
            by=SYSTEM,
            rule=f"{dispute.phase}.late-grace",
            began=(wait.model_copy(update={"until": until, "graced": True}),),
            wait_id=wait_id,
            cause=cause,
            late_seconds=late_seconds,
        )
    ]
