"""The order as it stood at opening: what was bought, from whom, how it was paid, and what the carrier knew."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.model import Frozen, Identifier, Instant
from domain.money import MAX_MINOR, Currency, MinorUnits, Money, allocate


class Goods(StrEnum):
    """Where the goods of one group of lines were when the dispute was opened (protocol, What silence may accept).

    Fixed then: a carrier's scan counts, a seller's click does not.
    """

    UNSHIPPED = "unshipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    VIRTUAL = "virtual"


class OrderLine(Frozen):
    """One line of the order: `quantity` units at `unit_price_minor` each; freight is for the line as a whole."""

    line: Annotated[int, Field(ge=1, le=999)]
    sku: Identifier
    seller_id: Identifier
    kind: Literal["physical", "virtual"] = "physical"
    quantity: Annotated[int, Field(ge=1, le=9999)]
    unit_price_minor: MinorUnits
    freight_minor: MinorUnits = 0
    ship_by: Instant | None = None


class Payment(Frozen):
    payment_id: Identifier
    method: Identifier
    amount_minor: MinorUnits


class ParcelFact(Frozen):
    """What the carrier says of one parcel in one direction; `unknown` is a value of its own (Facts are three-valued).

    `as_of` is when the carrier was asked, `source` who answered; `last_scan_at` is the last movement it knows of.
    """

    parcel_id: Identifier
    direction: Literal["out", "back"] = "out"
    state: Literal["unknown", "label_created", "in_transit", "delivered", "lost"]
    first_scan_at: Instant | None = None
    last_scan_at: Instant | None = None
    delivered_at: Instant | None = None
    as_of: Instant
    source: Identifier = "carrier"


class Parcel(Frozen):
    parcel_id: Identifier
    lines: tuple[int, ...]
    carrier: Identifier
    tracking: Identifier | None = None


class OrderSnapshot(Frozen):
    """The order as the order system told it at opening; selling rules are those shown at purchase."""

    order_id: Identifier
    buyer_id: Identifier
    market: Identifier
    currency: Currency
    status: Identifier
    purchased_at: Instant
    paid_at: Instant | None = None
    promised_by: Instant | None = None
    trade_ended_at: Instant | None = None
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=100)]
    payments: tuple[Payment, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    selling_rules: Identifier = "none"

    @property
    def paid_minor(self) -> int:
        """What the buyer paid for the whole order, in minor units."""
        return sum(payment.amount_minor for payment in self.payments)

    def line(self, number: int) -> OrderLine | None:
        return next((line for line in self.lines if line.line == number), None)


def goods_state(line: OrderLine, fact: ParcelFact | None, at: datetime) -> Goods:
    """Where one line's goods are at `at` (UTC): virtual goods have no parcel, no parcel or no scan is unshipped."""
    if line.kind == "virtual":
        return Goods.VIRTUAL
    return Goods.UNSHIPPED if fact is None else carried(fact, at)


def carried(fact: ParcelFact, at: datetime) -> Goods:
    """How far the carrier had brought a parcel at `at` (UTC).

    Where the carrier gives a date, the date decides; where it has lost it, its word for the state does. Unshipped is
    only what it says it has not scanned: anything else is unknown, which never decides (Facts are three-valued).
    """
    if fact.delivered_at <= at if fact.delivered_at is not None else fact.state == "delivered":
        return Goods.DELIVERED
    if fact.first_scan_at <= at if fact.first_scan_at is not None else fact.state in ("in_transit", "lost"):
        return Goods.SHIPPED
    if fact.last_scan_at is not None and fact.last_scan_at <= at:
        return Goods.SHIPPED
    scan_ahead = fact.first_scan_at is not None and fact.state != "unknown"
    return Goods.UNSHIPPED if fact.state == "label_created" or scan_ahead else Goods.UNKNOWN


def paid_for(lines: tuple[tuple[OrderLine, int], ...], order: OrderSnapshot) -> Money:
    """What was paid for `lines` (line, units), freight of fully disputed lines included.

    The parts of an order, disputed one by one, never come to more than was paid for it. What was paid beyond the lines
    belongs to none of them.
    """
    shares = _shares(order)
    whole = sum(_share_of_units(line, units, shares[line.line]) for line, units in lines)
    return Money(amount_minor=whole, currency=order.currency)


def paid_by(lines: tuple[int, ...], order: OrderSnapshot) -> tuple[int, ...]:
    """How much of each payment paid for these lines, in minor units and the order of the payments.

    Lines laid end to end meet payments laid end to end: each coin of a payment belongs to one line, so that disputes
    about different lines never ask one payment for more than it holds (protocol, Money).
    """
    mine, begin = [], 0
    for line, share in _shares(order).items():
        if line in lines:
            mine.append((begin, begin + share))
        begin += share
    parts, begin = [], 0
    for payment in order.payments:
        end = begin + payment.amount_minor
        parts.append(sum(max(0, min(end, last) - max(begin, first)) for first, last in mine))
        begin = end
    return tuple(parts)


def _shares(order: OrderSnapshot) -> dict[int, int]:
    """What was paid for each line: a discount on the order is spread in proportion (protocol, Lines and repeats)."""
    charged = [line.unit_price_minor * line.quantity + line.freight_minor for line in order.lines]
    paid = min(order.paid_minor, sum(charged), MAX_MINOR)
    shares = allocate(paid, charged) if paid else (0,) * len(charged)
    return {line.line: share for line, share in zip(order.lines, shares, strict=True)}


def _share_of_units(line: OrderLine, units: int, share: int) -> int:
    """Single units round down: a unit's fraction of the smallest coin is nobody's until the line is disputed whole."""
    price = line.unit_price_minor * line.quantity
    if units == line.quantity or share == 0:
        return share
    return allocate(share, (price, line.freight_minor))[0] * units // line.quantity
