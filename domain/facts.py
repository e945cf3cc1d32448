"""What the platform looks up itself when it reviews a case, each fact with its source and time; unknown is a value."""

from __future__ import annotations

from typing import Literal

from domain.model import Frozen, Identifier, Instant
from domain.money import MinorUnits
from domain.order import ParcelFact


class OrderFact(Frozen):
    """The order's state as the order system tells it; `status` is None while it is unknown."""

    state: Literal["known", "unknown"]
    status: Identifier | None = None
    as_of: Instant
    source: Identifier = "order_system"


class PaymentFact(Frozen):
    """One payment and what has been refunded of it by anybody, in minor units; None while it is unknown."""

    payment_id: Identifier
    state: Literal["known", "unknown"]
    amount_minor: MinorUnits | None = None
    refunded_minor: MinorUnits | None = None
    as_of: Instant
    source: Identifier = "payment_provider"


class Facts(Frozen):
    """One look-up: the order, its payments, the disputed lines' parcels out and back (protocol, phase 3)."""

    order: OrderFact | None = None
    payments: tuple[PaymentFact, ...] = ()
    parcels: tuple[ParcelFact, ...] = ()
