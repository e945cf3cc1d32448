"""The clocks a dispute runs: starting and renewing them, and which of them a change of phase leaves behind."""

from __future__ import annotations

from datetime import datetime

from domain.commands import Actor, Role
from domain.dispute import Dispute, Phase, Side, Wait, WaitKind
from domain.working_time import Duration, after

SYSTEM = Actor(role=Role.SYSTEM, id="system")
"""Who acts when a clock runs out or an outside fact arrives."""

BOTH: tuple[Side, Side] = (Role.BUYER, Role.SELLER)


def side(actor: Actor) -> Side:
    """The side an actor speaks for; raises ValueError for one who is no party."""
    if actor.role is Role.BUYER or actor.role is Role.SELLER:
        return actor.role
    raise ValueError(f"a {actor.role} speaks for no side of a dispute")


def other(party: Side) -> Side:
    return Role.SELLER if party is Role.BUYER else Role.BUYER


def start(
    dispute: Dispute, kind: WaitKind, duration: Duration, now: datetime, *actors: Role, of: str | None = None
) -> Wait:
    """A clock of `kind` that lapses `duration` after `now`; `of` tells clocks of one kind apart (an offer's id).

    It replaces a running clock of the same id once an event carries it in `began`.
    """
    return Wait(
        wait_id=kind.value if of is None else f"{kind.value}.{of}",
        kind=kind,
        actors=actors,
        began=now,
        until=after(now, duration, dispute.calendar),
    )


def running(dispute: Dispute, *kinds: WaitKind) -> tuple[str, ...]:
    """The ids of the clocks of these kinds that run now."""
    return tuple(wait.wait_id for wait in dispute.waits if wait.kind in kinds)


def left_behind(dispute: Dispute, into: Phase) -> tuple[str, ...]:
    """The ids of the clocks that end when the dispute moves `into` a phase.

    Offers and the cap run through every phase before execution, the seller's first answer on into complaint
    (protocol, Clocks and silence).
    """
    if into in (Phase.EXECUTION, Phase.CLOSED):
        return tuple(wait.wait_id for wait in dispute.waits)
    carried = {WaitKind.OFFER, WaitKind.CAP_ALARM, WaitKind.CAP}
    if into is Phase.COMPLAINT:
        carried.add(WaitKind.FIRST_ANSWER)
    return tuple(wait.wait_id for wait in dispute.waits if wait.kind not in carried)
