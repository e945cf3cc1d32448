"""The payment provider: a refund under a business key, and finding out what became of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, Field

from gateways.errors import Mismatch, Rejected
from gateways.line import Line, Wire

_SYSTEM = "payment provider"


class RefundReceipt(Wire):
    """A refund the provider made: amount in minor units of `currency`."""

    refund_id: str
    status: Literal["settled"]
    payment_id: str
    amount_minor: int
    currency: str
    reference: str
    created_at: AwareDatetime

    def require(self, *, payment_id: str, amount_minor: int, currency: str, reference: str) -> None:
        """Raises Mismatch unless this is the refund that was asked for; to be called on what `lookup` found, too."""
        asked = {
            "payment_id": payment_id,
            "amount_minor": amount_minor,
            "currency": currency,
            "reference": reference,
        }
        for field, value in asked.items():
            if getattr(self, field) != value:
                what = f"refund {self.refund_id} has {field} {getattr(self, field)}, asked was {value}"
                raise Mismatch(_SYSTEM, what)


class StandingPayment(Wire):
    """A payment and what has been refunded of it by anybody, in minor units of `currency`."""

    payment_id: str
    currency: str
    amount_minor: Annotated[int, Field(ge=0)]
    refunded_minor: Annotated[int, Field(ge=0)]


class PaymentProvider(Line):
    """Payments and their refunds; one key is one refund, however often it is asked for."""

    def __init__(self, base_url: str, *, connect_seconds: float = 2.0, total_seconds: float = 5.0) -> None:
        super().__init__(_SYSTEM, base_url, connect_seconds=connect_seconds, total_seconds=total_seconds)

    async def refund(
        self,
        key: str,
        payment_id: str,
        amount_minor: int,
        currency: str,
        reference: str,
        *,
        at: datetime | None,
    ) -> RefundReceipt:
        """Pays `amount_minor` of the payment back, once per key.

        Raises Unavailable (nothing was paid), Rejected (nothing was paid: `amount_exceeds_payment`,
        `idempotency_key_reused`, …), OutcomeUnknown (look the key up; never try with a new one), and Mismatch.
        """
        content = {
            "payment_id": payment_id,
            "amount_minor": amount_minor,
            "currency": currency,
            "reference": reference,
        }
        receipt = await self.act("/refunds", content, RefundReceipt, at=at, headers={"Idempotency-Key": key})
        receipt.require(payment_id=payment_id, amount_minor=amount_minor, currency=currency, reference=reference)
        return receipt

    async def payment(self, payment_id: str, *, at: datetime | None) -> StandingPayment:
        """The payment as it stands now.

        Raises Rejected (`payment_not_found`), Unavailable, and Mismatch when another payment comes back.
        """
        found = await self.read(f"/payments/{quote(payment_id, safe='')}", StandingPayment, at=at)
        if found.payment_id != payment_id:
            raise Mismatch(_SYSTEM, f"asked for payment {payment_id} and got another")
        return found

    async def lookup(self, key: str, *, at: datetime | None) -> RefundReceipt | None:
        """The refund made under `key`, or None when the provider knows of none; the caller then calls `require`.

        Raises Unavailable and Rejected.
        """
        try:
            return await self.read("/refunds", RefundReceipt, at=at, query={"idempotency_key": key})
        except Rejected as refusal:
            # Only the provider's own word counts as "none": a 404 of something in between proves nothing.
            if refusal.code == "refund_not_found":
                return None
            raise
