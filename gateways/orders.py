"""The order system: the order as it stands, and telling it what became of a dispute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, ValidationError

from domain.order import OrderLine, OrderSnapshot, Parcel, Payment
from gateways.errors import Mismatch, Unavailable
from gateways.line import Line, Wire


class _Line(Wire):
    line: int
    sku: str
    seller_id: str
    kind: Literal["physical", "virtual"]
    quantity: int
    unit_price_minor: int
    freight_minor: int
    ship_by: AwareDatetime | None


class _Payment(Wire):
    payment_id: str
    method: str
    amount_minor: int


class _SellingRules(Wire):
    version: str


class _Parcel(Wire):
    parcel_id: str
    lines: tuple[int, ...]
    carrier: str
    tracking: str | None


class _Order(Wire):
    order_id: str
    currency: str
    market: str
    buyer_id: str
    status: str
    purchased_at: AwareDatetime
    paid_at: AwareDatetime | None
    promised_by: AwareDatetime | None
    lines: tuple[_Line, ...]
    payments: tuple[_Payment, ...]
    selling_rules: _SellingRules
    parcels: tuple[_Parcel, ...]


class _Told(Wire):
    event_id: str


class OrderSystem(Line):
    """Orders by id, and the events a dispute leaves with them."""

    def __init__(self, base_url: str, *, connect_seconds: float = 2.0, total_seconds: float = 5.0) -> None:
        super().__init__("order system", base_url, connect_seconds=connect_seconds, total_seconds=total_seconds)

    async def get(self, order_id: str, *, at: datetime | None) -> OrderSnapshot:
        """The order as it stands now.

        Raises Rejected (`order_not_found`), Unavailable, and Mismatch when another order comes back.
        """
        order = await self.read(f"/orders/{quote(order_id, safe='')}", _Order, at=at)
        if order.order_id != order_id:
            raise Mismatch(self.system, f"asked for order {order_id} and got another")
        try:
            return _snapshot(order)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise Unavailable(self.system, f"order {order_id} cannot be read: {first['msg']}") from None

    async def tell(
        self,
        event_id: str,
        kind: str,
        dispute_id: str,
        order_id: str,
        body: Mapping[str, Any],
        *,
        at: datetime | None,
    ) -> None:
        """Tells that a dispute of the order was opened, closed and the like; the same event id is taken once.

        Raises Unavailable, Rejected, OutcomeUnknown (tell it again with the same id), and Mismatch.
        """
        content = {
            "event_id": event_id,
            "kind": kind,
            "dispute_id": dispute_id,
            "order_id": order_id,
            "body": dict(body),
        }
        told = await self.act("/order-events", content, _Told, at=at)
        if told.event_id != event_id:
            raise Mismatch(self.system, f"told event {event_id} and another was confirmed")


def _snapshot(order: _Order) -> OrderSnapshot:
    return OrderSnapshot(
        order_id=order.order_id,
        buyer_id=order.buyer_id,
        market=order.market,
        currency=order.currency,
        status=order.status,
        purchased_at=order.purchased_at,
        paid_at=order.paid_at,
        promised_by=order.promised_by,
        lines=tuple(OrderLine(**line.model_dump()) for line in order.lines),
        payments=tuple(Payment(**payment.model_dump()) for payment in order.payments),
        parcels=tuple(Parcel(**parcel.model_dump()) for parcel in order.parcels),
        selling_rules=order.selling_rules.version,
    )
