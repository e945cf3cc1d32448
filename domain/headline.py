"""The one-row summary of a dispute that lists, queues and the relay read; a pure function of its state."""

from __future__ import annotations

from typing import Literal

from domain.deadlines import next_deadline
from domain.dispute import Dispute, Outcome, Phase
from domain.model import Frozen, Instant
from domain.outlook import whose_turn


class Headline(Frozen):
    """What the read model keeps of a dispute; `amount_minor` is the disputed sum in minor units of `currency`."""

    phase: str
    reason: str
    amount_minor: int
    currency: str
    policy_digest: str
    outcome: str | None = None
    how: str | None = None
    arbiter_id: str | None = None
    waiting_for: str | None = None
    whose_turn: str | None = None
    due_at: Instant | None = None
    needs_attention: bool = False
    evidence_version: int = 0
    closed_at: Instant | None = None


def headline(dispute: Dispute) -> Headline:
    wait = next_deadline(dispute)
    return Headline(
        phase=dispute.phase,
        reason=dispute.claim.reason,
        amount_minor=dispute.claim.disputed.amount_minor,
        currency=dispute.claim.disputed.currency,
        policy_digest=dispute.policy_digest,
        outcome=dispute.outcome,
        how=dispute.how,
        arbiter_id=dispute.review.arbiter_id if dispute.review else None,
        waiting_for=wait.kind if wait else None,
        whose_turn=",".join(whose_turn(dispute)) or None,
        due_at=wait.until if wait else None,
        needs_attention=dispute.needs_attention is not None,
        evidence_version=dispute.evidence_version,
        closed_at=dispute.closed_at,
    )


def units_after(dispute: Dispute) -> Literal["spent", "free"] | None:
    """What becomes of the disputed units: spent once settled or decided, free again when the buyer gave up.

    None while the dispute lives (protocol, Lines and repeats).
    """
    if dispute.phase is not Phase.CLOSED:
        return None
    return "free" if dispute.outcome in (Outcome.WITHDRAWN, Outcome.LAPSED) else "spent"
