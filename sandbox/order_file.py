"""Order files: each row becomes an order with what the carrier knows of it, or one sentence about what is wrong."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sandbox import order_system
from sandbox.problem import Problem
from sandbox.shapes import (
    Currency,
    Id,
    Minor,
    Order,
    OrderLine,
    OrderParcel,
    OrderPayment,
    ParcelFacts,
    SellingRules,
    Word,
)
from sandbox.world import World

_NOT_YET_HANDED_OVER = ("approved", "processing", "invoiced", "unavailable")


def _local(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("a time is a text such as 2026-11-22T08:00:00")
    local = datetime.fromisoformat(value)
    if local.tzinfo is not None:
        raise ValueError("a time carries no zone; it is local to the market")
    if not 2000 <= local.year <= 2200:
        raise ValueError("a time lies in the years 2000 to 2200")
    return local


Local = Annotated[datetime, BeforeValidator(_local)]


class _Part(BaseModel):
    """A part of a row: exact types; a file may carry more than the world needs."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class _Line(_Part):
    line: int
    product_id: Id
    seller_id: Id
    ship_by: Local
    price_minor: Minor
    freight_minor: Minor
    quantity: int = 1
    kind: Literal["physical", "virtual"] = "physical"


class _Payment(_Part):
    type: Word
    amount_minor: Minor


class _Review(_Part):
    created_at: Local


class _Row(_Part):
    # Payment and parcel ids are made of it and stay within an id's length.
    order_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$")]
    status: Literal["approved", "processing", "invoiced", "shipped", "delivered", "canceled", "unavailable"]
    purchased_at: Local
    approved_at: Local | None = None
    handed_to_carrier_at: Local | None = None
    delivered_at: Local | None = None
    promised_by: Local
    lines: Annotated[tuple[_Line, ...], Field(min_length=1, max_length=100)]
    payments: tuple[_Payment, ...]
    currency: Currency
    reviews: tuple[_Review, ...] = ()


class Loaded(NamedTuple):
    """An order, and what the carrier knows of its parcels, by parcel id."""

    order: Order
    scans: dict[str, ParcelFacts]


class Complaint(Exception):
    """What is wrong with a row, in one sentence."""


def load(world: World, path: Path, *, rebase: bool) -> tuple[int, list[str]]:
    """Puts the file's orders into the books in one effect; gives their number and a complaint per row left out.

    Raises OSError when the file cannot be opened.
    """
    taken, complaints = 0, []
    with world.effect():
        for number, row in enumerate(_rows(path), start=1):
            try:
                if isinstance(row, Complaint):
                    raise row
                add(world, read_row(row, world.epoch if rebase else None))
            except Complaint as complaint:
                complaints.append(f"{path.name} row {number}: {complaint}")
            else:
                taken += 1
    return taken, complaints


def add(world: World, loaded: Loaded) -> None:
    """Adds one order inside an effect and takes it back whole when an id is taken; raises Complaint then."""
    world.sql.execute("savepoint one_row")
    try:
        order_system.add(world, loaded.order, loaded.scans)
    except Problem as problem:
        world.sql.execute("rollback to one_row")
        raise Complaint(str(problem)) from None
    finally:
        world.sql.execute("release one_row")


def read_row(row: bytes, epoch: datetime | None) -> Loaded:
    """One row as an order, moved to lie shortly before `epoch` (UTC) when given; raises Complaint."""
    try:
        parsed = _Row.model_validate_json(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the row"
        raise Complaint(f"{where[:100]}: {first['msg'][:200]}; row left out") from None
    if contradiction := _contradiction(parsed):
        raise Complaint(f"order {parsed.order_id} {contradiction}; row left out")
    try:
        return _order(parsed, epoch)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"][:200]
        raise Complaint(f"order {parsed.order_id}: {message}; row left out") from None


def _rows(path: Path) -> Iterator[bytes | Complaint]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        try:
            yield from (line for line in file if line.strip())
        except (OSError, EOFError, zlib.error):
            yield Complaint("the file is damaged from here on; the rest is left out")


def _contradiction(row: _Row) -> str | None:
    physical = any(line.kind == "physical" for line in row.lines)
    if row.status == "delivered" and row.delivered_at is None:
        return "is delivered without a delivery date"
    if row.status == "delivered" and physical and row.handed_to_carrier_at is None:
        return "is delivered without having been handed to a carrier"
    if row.status != "delivered" and row.delivered_at is not None:
        return f"has a delivery date and is {row.status}"
    if row.status in _NOT_YET_HANDED_OVER and row.handed_to_carrier_at is not None:
        return f"was handed to a carrier and is only {row.status}"
    steps = {
        "purchased": row.purchased_at,
        "approved": row.approved_at,
        "handed to a carrier": row.handed_to_carrier_at,
        "delivered": row.delivered_at,
    }
    known = [(name, instant) for name, instant in steps.items() if instant is not None]
    for (earlier, before), (later, after) in pairwise(known):
        if after < before:
            return f"was {later} before it was {earlier}"
    if row.promised_by < row.purchased_at:
        return "was promised for a time before its purchase"
    return None


def _order(row: _Row, epoch: datetime | None) -> Loaded:
    market = "BR" if row.currency == "BRL" else "CN"
    zone = ZoneInfo("America/Sao_Paulo" if market == "BR" else "Asia/Shanghai")
    shift = timedelta(0) if epoch is None else _shift(row, epoch, zone)

    def moved(local: datetime) -> datetime:
        return local.replace(tzinfo=zone).astimezone(ZoneInfo("UTC")) + shift

    def moved_if_any(local: datetime | None) -> datetime | None:
        return None if local is None else moved(local)

    parcels = _parcels(row)
    order = Order(
        order_id=row.order_id,
        currency=row.currency,
        market=market,
        buyer_id="buyer-" + _digest("buyer:" + row.order_id)[:16],
        status=row.status,
        purchased_at=moved(row.purchased_at),
        paid_at=moved_if_any(row.approved_at),
        promised_by=moved(row.promised_by),
        lines=tuple(
            OrderLine(
                line=line.line,
                sku=line.product_id,
                seller_id=line.seller_id,
                kind=line.kind,
                quantity=line.quantity,
                unit_price_minor=line.price_minor,
                freight_minor=line.freight_minor,
                ship_by=moved(line.ship_by),
            )
            for line in row.lines
        ),
        payments=tuple(
            OrderPayment(
                payment_id=f"pay-{row.order_id}-{number}", method=payment.type, amount_minor=payment.amount_minor
            )
            for number, payment in enumerate(row.payments, start=1)
        ),
        selling_rules=SellingRules(version=f"{market.lower()}-1", no_reason_return_days=7),
        parcels=parcels,
    )
    scan, delivery = moved_if_any(row.handed_to_carrier_at), moved_if_any(row.delivered_at)
    if scan is None:
        return Loaded(order, {})
    facts = ParcelFacts(
        state="in_transit" if delivery is None else "delivered", first_scan_at=scan, delivered_at=delivery
    )
    return Loaded(order, {parcel.parcel_id: facts for parcel in parcels})


def _parcels(row: _Row) -> tuple[OrderParcel, ...]:
    if row.handed_to_carrier_at is None and row.status not in ("shipped", "delivered"):
        return ()
    packed: dict[str, list[int]] = {}
    for line in row.lines:
        if line.kind == "physical":
            packed.setdefault(line.seller_id, []).append(line.line)
    return tuple(
        OrderParcel(
            parcel_id=f"par-{row.order_id}-{number}",
            lines=tuple(lines),
            carrier="sandbox-express",
            tracking=f"SX{int(_digest(f'tracking:{row.order_id}:{number}'), 16) % 10**10:010d}",
        )
        for number, lines in enumerate(packed.values(), start=1)
    )


def _shift(row: _Row, epoch: datetime, zone: ZoneInfo) -> timedelta:
    """The rebase rule of sandbox/README.md."""
    instants = [row.purchased_at, row.approved_at, row.handed_to_carrier_at, row.delivered_at]
    instants += [review.created_at for review in row.reviews]
    if row.delivered_at is None:
        instants.append(row.promised_by)
    newest = max(instant for instant in instants if instant is not None).replace(tzinfo=zone)
    hours = 24 + int(_digest(row.order_id), 16) % 49
    return epoch - timedelta(hours=hours) - newest


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
