"""When a reason may be claimed: where the goods must be, from when on, and until when (protocol, Reasons)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.order import Goods, OrderLine, OrderSnapshot, ParcelFact
from domain.policy import Policy, Reason, ReasonRule
from domain.refusals import Code, Refused
from domain.working_time import Calendar, after, rfc3339


@dataclass(frozen=True)
class Shipment:
    """Lines of one seller in one parcel, or in none, and what the carrier says of it; `paid_at` is the order's."""

    order: OrderSnapshot
    lines: tuple[tuple[OrderLine, int], ...]
    goods: Goods
    fact: ParcelFact | None
    paid_at: datetime


def check(shipment: Shipment, reason: Reason, policy: Policy, calendar: Calendar, at: datetime) -> None:
    """Raises `Refused` with reason_does_not_fit, too_early or window_over; the latter two tell the instant `until`.

    A fact nobody knows refuses nothing (protocol, Facts are three-valued): without a date there is no end of the
    window, and a parcel the carrier is silent about may have been received.
    """
    rule = policy.reasons[reason]
    if not _fits(shipment, reason, rule):
        raise Refused(Code.REASON_DOES_NOT_FIT, reason=reason.value, goods=shipment.goods.value)
    first = _first(shipment, reason, rule, policy, calendar, at)
    if first is not None and at < first:
        raise Refused(Code.TOO_EARLY, until=rfc3339(first))
    ended = _ended(shipment, at)
    if ended is not None and at > (last := after(ended, rule.window, calendar)):
        raise Refused(Code.WINDOW_OVER, until=rfc3339(last))


def _fits(shipment: Shipment, reason: Reason, rule: ReasonRule) -> bool:
    goods, promised = shipment.goods, shipment.order.promised_by
    if reason is Reason.ENTITLEMENT_UNUSABLE and goods is not Goods.VIRTUAL:
        return False
    if reason is Reason.LATE:
        arrived = shipment.fact.delivered_at if shipment.fact and goods is Goods.DELIVERED else None
        if promised is None or (arrived is not None and arrived <= promised):
            return False
    match rule.opens:
        case "unshipped":
            return goods is Goods.UNSHIPPED
        case "undelivered":
            return goods in (Goods.UNSHIPPED, Goods.SHIPPED, Goods.UNKNOWN)
        case "received":
            return goods in (Goods.DELIVERED, Goods.VIRTUAL, Goods.UNKNOWN)
        case "any":
            return True


def _first(
    shipment: Shipment, reason: Reason, rule: ReasonRule, policy: Policy, calendar: Calendar, at: datetime
) -> datetime | None:
    order, fact = shipment.order, shipment.fact
    if reason is Reason.LATE:
        return order.promised_by
    if rule.opens == "unshipped":
        by_payment = after(shipment.paid_at, policy.clocks.ship_within, calendar)
        promises = [line.ship_by for line, _ in shipment.lines if line.ship_by is not None]
        # A promise from before the payment promises nothing; real orders hold such dates.
        kept = [promise for promise in promises if promise >= shipment.paid_at]
        return max(kept) if kept else by_payment
    if rule.opens == "undelivered":
        if fact is not None and fact.state == "lost":
            return None
        scans = (fact.last_scan_at, fact.first_scan_at) if fact is not None else ()
        # A scan that lies ahead is no movement yet.
        moved = next((scan for scan in scans if scan is not None and scan <= at), None)
        stalled = after(moved or shipment.paid_at, policy.clocks.stalled_parcel, calendar)
        return stalled if order.promised_by is None else min(stalled, order.promised_by)
    return None


def _ended(shipment: Shipment, at: datetime) -> datetime | None:
    """When the trade ended: as the order says, but not before the goods came; None when it has not, or nobody knows."""
    arrived = shipment.paid_at if shipment.goods is Goods.VIRTUAL else None
    if shipment.goods is Goods.DELIVERED and shipment.fact is not None:
        arrived = shipment.fact.delivered_at
    known = [instant for instant in (shipment.order.trade_ended_at, arrived) if instant is not None and instant <= at]
    return max(known, default=None)
