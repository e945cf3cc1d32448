"""What the parties and the order system are told: notices, reminders and order events, as codes and values.

Sentences are made outside the core from these values (`starter.texts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from domain.commands import Role
from domain.dispute import Dispute, How, Outcome, Wait, WaitKind
from domain.events import Closed, Event, ExecutionBegan, Extended, Opened
from domain.forecast import Silence, silence_means
from domain.model import Frozen, Identifier, Instant
from domain.money import Money
from domain.policy import Liable, Reason
from domain.working_time import Duration, span

_PARTIES = (Role.BUYER, Role.SELLER)

ORDER_SYSTEM = "orders"
"""The recipient of order events, in the role of the system."""

EndTopic = Literal["settled", "ended", "opened", "closed"]
"""What is told apart from waits: the outcome is fixed, the dispute has ended, and both ends to the order system."""


class Body(Frozen):
    """The values of one message; which of them are set depends on the topic, the kind of a wait or an end.

    `until` is a deadline and `offset_seconds` what the market's local time adds to UTC there; `left` is a reminder's
    distance from it, `extended` marks a deadline that moved because the platform was late. `amount` is the sum asked,
    offered, proposed or fixed. `lines` are (line, units).
    """

    topic: WaitKind | EndTopic
    dispute_id: Identifier
    order_id: Identifier
    reason: Reason
    amount: Money
    until: Instant | None = None
    offset_seconds: int = 0
    left: Duration | None = None
    extended: bool = False
    silence: Silence | None = None
    outcome: Outcome | None = None
    how: How | None = None
    liable: Liable | None = None
    lines: tuple[tuple[int, int], ...] = ()


class Notice(Frozen):
    """One message, to be sent at `due_at`; the same move always gives it the same id. Voided when `wait_id` ends."""

    message_id: str
    kind: Literal["notice", "reminder", "order_event"]
    recipient_role: Role
    recipient_id: Identifier
    due_at: Instant
    wait_id: Identifier | None = None
    body: Body


def notices(before: Dispute | None, after: Dispute, events: Sequence[Event]) -> tuple[Notice, ...]:
    """What is to be told when `events` led from `before` (None: the dispute was opened) to `after`.

    To each party whose act is waited for: whose turn it is, until when, and what silence means, at once and again as
    the policy reminds. To both: the fixed outcome and the ending. To the order system: opening and closing.
    """
    if not events:
        return ()
    now = events[-1].at
    extended = {event.wait_id for event in events if isinstance(event, Extended)}
    told: list[Notice] = []
    for wait in after.waits:
        if not _same(before.wait(wait.wait_id) if before else None, wait):
            told += _of_wait(after, wait, now, wait.wait_id in extended)
    for event in events:
        match event:
            case Opened():
                told.append(_order_event(after, "opened", after.claim.disputed, now))
            case ExecutionBegan():
                told += _to_both(after, "settled", event.settlement.amount, now, event.settlement.how)
            case Closed():
                told += _to_both(after, "ended", _fixed(after), now, event.how)
                told.append(_order_event(after, "closed", _fixed(after), now))
            case _:
                pass
    return tuple(told)


def ended_waits(before: Dispute | None, after: Dispute) -> tuple[str, ...]:
    """Ids of the waits whose unsent messages are void: waits that are over, or moved to another instant or actor.

    Void them before `notices` of the same move are stored: a moved wait keeps its id and is told anew.
    """
    waits = before.waits if before else ()
    return tuple(wait.wait_id for wait in waits if not _same(wait, after.wait(wait.wait_id)))


def _same(one: Wait | None, other: Wait | None) -> bool:
    """Whether two versions of a wait say the same to the people who read of them."""
    return one is not None and other is not None and (one.until, one.actors) == (other.until, other.actors)


def _of_wait(dispute: Dispute, wait: Wait, now: datetime, extended: bool) -> Iterator[Notice]:
    recipients = [role for role in wait.actors if role in _PARTIES]
    if not recipients:
        return
    body = _body(dispute, wait.kind, _at_stake(dispute, wait)).model_copy(
        update={
            "until": wait.until,
            "offset_seconds": int(dispute.calendar.local_offset(wait.until).total_seconds()),
            "extended": extended,
            "silence": silence_means(dispute, wait),
        }
    )
    first: Literal["notice", "reminder"] = "reminder" if extended else "notice"
    for role in recipients:
        yield _notice(dispute, first, role, now, wait.wait_id, body)
        for left, due_at in _reminders(dispute, wait, now):
            reminding = body.model_copy(update={"left": left})
            yield _notice(dispute, "reminder", role, due_at, wait.wait_id, reminding)


def _reminders(dispute: Dispute, wait: Wait, now: datetime) -> Iterator[tuple[Duration, datetime]]:
    """Reminders still to come; one in the first quarter of its clock is left out (protocol, Clocks and silence)."""
    quarter = (wait.until - wait.began) * dispute.policy.reminder_not_before_quarter / 100
    for left in dispute.policy.reminders:
        due_at = wait.until - span(left)
        if due_at > now and due_at >= wait.began + quarter:
            yield left, due_at


def _at_stake(dispute: Dispute, wait: Wait) -> Money:
    """The offer's or the proposal's sum where one is to be answered, else what the buyer asks."""
    if wait.kind is WaitKind.OFFER and (offer := dispute.offer(wait.wait_id.removeprefix(f"{WaitKind.OFFER}."))):
        return offer.terms.amount
    if wait.kind is WaitKind.CONFIRMATION and dispute.proposal:
        return dispute.proposal.resolution.amount
    return (dispute.live_terms(Role.BUYER) or dispute.claim.terms).amount


def _to_both(dispute: Dispute, topic: EndTopic, amount: Money, now: datetime, how: How) -> Iterator[Notice]:
    outcome = dispute.settlement.outcome if dispute.settlement else dispute.outcome
    body = _body(dispute, topic, amount).model_copy(update={"outcome": outcome, "how": how})
    for role in _PARTIES:
        yield _notice(dispute, "notice", role, now, None, body)


def _order_event(dispute: Dispute, topic: EndTopic, amount: Money, now: datetime) -> Notice:
    ending = {"outcome": dispute.outcome, "how": dispute.how, "liable": _liable(dispute)} if dispute.outcome else {}
    body = _body(dispute, topic, amount).model_copy(update={"lines": dispute.claim.lines, **ending})
    return _notice(dispute, "order_event", Role.SYSTEM, now, None, body)


def _liable(dispute: Dispute) -> Liable:
    """Who the order system books it on: as decided; else nobody when nothing is paid, or whom the reason presumes."""
    if dispute.decisions and dispute.how in (How.ARBITER, How.APPEAL, How.SILENCE):
        return dispute.decisions[-1].resolution.liable
    return dispute.policy.reasons[dispute.claim.reason].liable if _fixed(dispute).amount_minor else "nobody"


def _fixed(dispute: Dispute) -> Money:
    nothing = Money(amount_minor=0, currency=dispute.claim.disputed.currency)
    return dispute.settlement.amount if dispute.settlement else nothing


def _body(dispute: Dispute, topic: WaitKind | EndTopic, amount: Money) -> Body:
    return Body(
        topic=topic,
        dispute_id=dispute.dispute_id,
        order_id=dispute.order.order_id,
        reason=dispute.claim.reason,
        amount=amount,
    )


def _notice(
    dispute: Dispute,
    kind: Literal["notice", "reminder", "order_event"],
    role: Role,
    due_at: datetime,
    wait_id: str | None,
    body: Body,
) -> Notice:
    about = [wait_id or body.topic, *([body.left] if body.left else [])]
    return Notice(
        message_id=":".join((dispute.dispute_id, str(dispute.version), kind, role, *about)),
        kind=kind,
        recipient_role=role,
        recipient_id={Role.BUYER: dispute.buyer_id, Role.SELLER: dispute.seller_id}.get(role, ORDER_SYSTEM),
        due_at=due_at,
        wait_id=wait_id,
        body=body,
    )
