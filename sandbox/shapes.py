"""The world's wire shapes: what may be sent to it, checked strictly, and how it writes instants."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def read_instant(value: object) -> datetime:
    """An RFC 3339 text (or an aware datetime) as UTC; raises ValueError for anything else."""
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("an instant is RFC 3339 with a zone, such as 2026-11-22T08:00:00Z")
    # Instants at the ends of the calendar overflow when moved to another zone.
    if not 2000 <= value.year <= 2200:
        raise ValueError("an instant lies in the years 2000 to 2200")
    return value.astimezone(UTC)


def write_instant(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`; microseconds only when there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _finite(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    json.dumps(value, allow_nan=False)
    return value


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a text must not contain the NUL character")
    return text


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$")]
PathId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_storable)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=0, le=10**12)]
Instant = Annotated[
    datetime, BeforeValidator(read_instant), PlainSerializer(write_instant, return_type=str, when_used="json")
]


class Shape(BaseModel):
    """A message of the world: exact types, no unknown fields."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    def content(self) -> dict[str, Any]:
        """The message as JSON values, instants normalised: equal messages give equal contents."""
        return self.model_dump(mode="json", by_alias=True)


class OrderLine(Shape):
    line: Annotated[int, Field(ge=1, le=999)]
    sku: Id
    seller_id: Id
    kind: Literal["physical", "virtual"] = "physical"
    quantity: Annotated[int, Field(ge=1, le=9999)] = 1
    unit_price_minor: Minor
    freight_minor: Minor = 0
    ship_by: Instant | None = None


class OrderPayment(Shape):
    payment_id: PathId
    method: Word
    amount_minor: Minor


class OrderParcel(Shape):
    parcel_id: PathId
    lines: Annotated[tuple[int, ...], Field(min_length=1, max_length=100)]
    carrier: Id
    tracking: Id


class SellingRules(Shape):
    version: Id
    no_reason_return_days: Annotated[int, Field(ge=0, le=365)]


class Order(Shape):
    """One order as the order system tells it."""

    order_id: PathId
    currency: Currency
    market: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    buyer_id: Id
    status: Literal["approved", "processing", "invoiced", "shipped", "delivered", "canceled", "unavailable"]
    purchased_at: Instant
    paid_at: Instant | None = None
    promised_by: Instant
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, max_length=100)]
    payments: Annotated[tuple[OrderPayment, ...], Field(max_length=100)] = ()
    selling_rules: SellingRules
    parcels: Annotated[tuple[OrderParcel, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        numbers = [line.line for line in self.lines]
        if len(set(numbers)) != len(numbers):
            raise ValueError("two lines have the same number")
        if len({payment.payment_id for payment in self.payments}) != len(self.payments):
            raise ValueError("two payments have the same id")
        if len({parcel.parcel_id for parcel in self.parcels}) != len(self.parcels):
            raise ValueError("two parcels have the same id")
        packed = [number for parcel in self.parcels for number in parcel.lines]
        physical = {line.line for line in self.lines if line.kind == "physical"}
        if len(set(packed)) != len(packed) or not set(packed) <= physical:
            raise ValueError("a parcel holds physical lines of the order, each line in one parcel at most")
        if self.paid_at is not None and self.paid_at < self.purchased_at:
            raise ValueError("paid before it was purchased")
        if self.promised_by < self.purchased_at:
            raise ValueError("promised for an instant before the purchase")
        return self


class OrderEvent(Shape):
    """The order system is told something about a dispute."""

    event_id: Id
    kind: Word
    dispute_id: Id
    order_id: PathId
    body: Annotated[dict[str, JsonValue], AfterValidator(_finite)]


class ParcelFacts(Shape):
    """What the carrier knows of one parcel in one direction."""

    direction: Literal["out", "back"] = "out"
    state: Literal["unknown", "label_created", "in_transit", "delivered", "lost"]
    since: Instant | None = None
    first_scan_at: Instant | None = None
    last_scan_at: Instant | None = None
    delivered_at: Instant | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state in ("in_transit", "delivered") and self.first_scan_at is None:
            raise ValueError(f"{self.state} needs first_scan_at")
        if (self.state == "delivered") != (self.delivered_at is not None):
            raise ValueError("delivered_at belongs to delivered, and only to it")
        if self.state == "label_created" and self.first_scan_at is not None:
            raise ValueError("a label without a scan has no first_scan_at")
        if self.since is not None and self.state not in ("unknown", "lost"):
            raise ValueError("since belongs to unknown and lost")
        if self.last_scan_at is not None and self.first_scan_at is None:
            raise ValueError("last_scan_at needs first_scan_at")
        course = [at for at in (self.first_scan_at, self.last_scan_at, self.delivered_at) if at is not None]
        if course != sorted(course):
            raise ValueError("first_scan_at, last_scan_at and delivered_at follow each other in time")
        return self


class RefundRequest(Shape):
    payment_id: PathId
    amount_minor: Annotated[int, Field(ge=1, le=10**12)]
    currency: Currency
    reference: Id


class Addressee(Shape):
    role: Literal["buyer", "seller", "arbiter", "operator"]
    id: Id


class NoticeText(Shape):
    chinese: Annotated[Text, Field(alias="zh-CN")]
    english: Annotated[Text, Field(alias="en")]


class Notice(Shape):
    notice_id: Id
    to: Addressee
    kind: Word
    dispute_id: Id
    text: NoticeText
    at: Instant
