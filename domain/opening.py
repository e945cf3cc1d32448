"""Opening: whether a claim fits the order as it stands, and one case per group of its lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.claim_window import Shipment, check
from domain.commands import Actor, Open, Role, Terms
from domain.dispute import Claim, Phase, Wait, WaitKind
from domain.events import Opened
from domain.money import Money, allocate
from domain.order import Goods, OrderLine, OrderSnapshot, ParcelFact, carried, goods_state, paid_for
from domain.policy import Policy, Remedy
from domain.refusals import Code, Refused
from domain.working_time import Calendar, Duration, after


def open_cases(
    command: Open,
    actor: Actor,
    order: OrderSnapshot,
    parcels: tuple[ParcelFact, ...],
    policy: Policy,
    calendar: Calendar,
    at: datetime,
    dispute_ids: Callable[[], str],
) -> tuple[Opened, ...]:
    """One `Opened` per group of lines of one seller, in one parcel or none, in one state (protocol, Lines and repeats).

    `at` is the receipt (aware, UTC), `dispute_ids` gives a fresh id for each case. Raises `Refused` with one of the
    opening's codes; contradictions in the order are read or refused, never an error.
    """
    _check_actor(actor, order)
    lines = _disputed_lines(command, order)
    remedy = _remedy(command, policy)
    paid_at = _paid_at(order, parcels, at)
    if order.currency not in policy.amounts:
        raise Refused(Code.CURRENCY_NOT_OFFERED, currency=order.currency)
    shipments = _shipments(order, lines, parcels, paid_at, at)
    for shipment in shipments:
        check(shipment, command.reason, policy, calendar, at)
    disputed = [paid_for(shipment.lines, order) for shipment in shipments]
    asked = _asked(command, order, [money.amount_minor for money in disputed])
    return tuple(
        Opened(
            at=at,
            by=actor,
            rule="negotiation.opened",
            began=_clocks(policy, calendar, shipment.goods, at),
            phase=Phase.NEGOTIATION,
            dispute_id=dispute_ids(),
            order=order,
            seller_id=shipment.lines[0][0].seller_id,
            claim=Claim(
                reason=command.reason,
                lines=tuple((line.line, units) for line, units in shipment.lines),
                terms=Terms(remedy=remedy, amount=Money(amount_minor=ask, currency=order.currency)),
                disputed=whole,
                goods=shipment.goods,
            ),
            statement=command.statement,
            parcel_facts=tuple(
                fact for fact in parcels if shipment.fact is not None and fact.parcel_id == shipment.fact.parcel_id
            ),
            policy_id=policy.policy_id,
            policy_version=policy.version,
            policy_digest=policy.digest,
        )
        for shipment, whole, ask in zip(shipments, disputed, asked, strict=True)
    )


def _check_actor(actor: Actor, order: OrderSnapshot) -> None:
    if actor.role not in (Role.BUYER, Role.SYSTEM):
        raise Refused(Code.NOT_YOUR_ROLE, role=actor.role.value, command=Open.name)
    if actor.role is Role.BUYER and actor.id != order.buyer_id:
        raise Refused(Code.NOT_A_PARTY)


def _disputed_lines(command: Open, order: OrderSnapshot) -> list[tuple[OrderLine, int]]:
    """The named lines with their units; a line named twice counts once with both quantities."""
    units: dict[int, int] = {}
    found: dict[int, OrderLine] = {}
    for asked in command.lines:
        line = order.line(asked.line)
        if line is None:
            raise Refused(Code.LINE_NOT_FOUND, line=asked.line)
        found[line.line] = line
        units[line.line] = units.get(line.line, 0) + (asked.quantity or line.quantity)
        if units[line.line] > line.quantity:
            raise Refused(Code.LINE_NOT_FOUND, line=line.line, quantity=line.quantity)
    return [(line, units[number]) for number, line in found.items()]


def _remedy(command: Open, policy: Policy) -> Remedy:
    rule = policy.reasons.get(command.reason)
    if rule is None:
        raise Refused(Code.REASON_DOES_NOT_FIT, reason=command.reason.value)
    remedy = next((remedy for remedy in rule.remedies if remedy == command.remedy), None)
    if remedy is None:
        # The word is the sender's own: it is told back only as far as it is one of ours.
        raise Refused(Code.REMEDY_NOT_OFFERED, offered=",".join(rule.remedies))
    return remedy


def _paid_at(order: OrderSnapshot, parcels: tuple[ParcelFact, ...], at: datetime) -> datetime:
    """When the order was paid; one with payments whose goods have moved was, even where the date is missing."""
    if order.paid_at is not None and order.paid_at <= at:
        return order.paid_at
    ours = {parcel.parcel_id for parcel in order.parcels}
    out = [fact for fact in parcels if fact.direction == "out" and fact.parcel_id in ours]
    moved = any(carried(fact, at) in (Goods.SHIPPED, Goods.DELIVERED) for fact in out)
    if order.paid_minor and moved:
        return order.purchased_at
    raise Refused(Code.NOT_PAID)


def _shipments(
    order: OrderSnapshot,
    lines: list[tuple[OrderLine, int]],
    parcels: tuple[ParcelFact, ...],
    paid_at: datetime,
    at: datetime,
) -> list[Shipment]:
    groups: dict[tuple[str, str | None, Goods], list[tuple[OrderLine, int]]] = {}
    facts: dict[str, ParcelFact] = {fact.parcel_id: fact for fact in parcels if fact.direction == "out"}
    for line, units in lines:
        fact = _fact(order, line, facts, at)
        facts |= {fact.parcel_id: fact} if fact else {}
        group = (line.seller_id, fact.parcel_id if fact else None, goods_state(line, fact, at))
        groups.setdefault(group, []).append((line, units))
    return [
        Shipment(order, tuple(of_group), goods, facts[parcel] if parcel else None, paid_at)
        for (_, parcel, goods), of_group in groups.items()
    ]


def _fact(order: OrderSnapshot, line: OrderLine, facts: dict[str, ParcelFact], at: datetime) -> ParcelFact | None:
    """What the carrier says of the last parcel sent with this line; a parcel it says nothing of is unknown."""
    sent = [parcel.parcel_id for parcel in order.parcels if line.line in parcel.lines]
    if line.kind == "virtual" or not sent:
        return None
    return facts.get(sent[-1]) or ParcelFact(parcel_id=sent[-1], state="unknown", as_of=at, source="nobody")


def _asked(command: Open, order: OrderSnapshot, disputed: list[int]) -> tuple[int, ...]:
    """What each case asks, in minor units: the amount asked for, split by what was paid for the groups."""
    if not all(disputed):
        raise Refused(Code.NOTHING_REFUNDABLE)
    if command.amount is None:
        return tuple(disputed)
    if command.amount.currency != order.currency:
        raise Refused(Code.WRONG_CURRENCY, currency=order.currency)
    if command.amount.amount_minor > sum(disputed):
        raise Refused(Code.OFFER_EXCEEDS_FROZEN, at_most=sum(disputed), currency=order.currency)
    asked = allocate(command.amount.amount_minor, disputed)
    if not all(asked):
        raise Refused(Code.NOTHING_REFUNDABLE)
    return asked


def _clocks(policy: Policy, calendar: Calendar, goods: Goods, at: datetime) -> tuple[Wait, ...]:
    clocks = policy.clocks
    unshipped = goods in (Goods.UNSHIPPED, Goods.VIRTUAL)

    def clock(kind: WaitKind, duration: Duration, *actors: Role) -> Wait:
        return Wait(wait_id=kind, kind=kind, actors=actors, began=at, until=after(at, duration, calendar))

    return (
        clock(WaitKind.FIRST_ANSWER, clocks.first_answer_unshipped if unshipped else clocks.first_answer, Role.SELLER),
        clock(WaitKind.NEGOTIATION, clocks.negotiation),
        clock(WaitKind.CAP_ALARM, clocks.cap_alarm),
        clock(WaitKind.CAP, clocks.cap),
    )
