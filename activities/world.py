"""Asks the outside world and moves the money: every call may fail at every point and is still made once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.canonical import digest
from domain.dispute import Leg
from domain.facts import Facts, OrderFact, PaymentFact
from domain.order import ParcelFact
from gateways.carrier import Carrier
from gateways.errors import GatewayError, Mismatch, OutcomeUnknown, Rejected, Unavailable
from gateways.orders import OrderSystem
from gateways.payments import PaymentProvider, RefundReceipt
from store import legs
from store.database import Database
from store.errors import KeyReused, StoreUnavailable
from workflows.ports import FactsWanted, RefundResult, RefundWanted, World


class OutsideWorld(World):
    """`World` over HTTP, with each leg of money written down before and after its call."""

    def __init__(self, database: Database, orders: OrderSystem, carrier: Carrier, payments: PaymentProvider) -> None:
        self._database = database
        self._orders = orders
        self._carrier = carrier
        self._payments = payments

    @activity.defn(name="gather_facts")
    async def gather_facts(self, wanted: FactsWanted) -> Facts:
        """Order, payments, both directions of every parcel, as of now; no answer is the fact `unknown`.

        The rule: protocol, Facts are three-valued.
        """
        order, payments, parcels = await asyncio.gather(
            self._order(wanted.order_id, wanted.at),
            asyncio.gather(*(self._payment(payment_id, wanted.at) for payment_id in wanted.payment_ids)),
            asyncio.gather(
                *(
                    self._parcel(parcel_id, direction, wanted.at)
                    for parcel_id in wanted.parcel_ids
                    for direction in ("out", "back")
                )
            ),
        )
        return Facts(order=order, payments=tuple(payments), parcels=tuple(fact for fact in parcels if fact is not None))

    async def _order(self, order_id: str, at: datetime | None) -> OrderFact:
        asked_at = at or datetime.now(UTC)
        try:
            order = await self._orders.get(order_id, at=at)
        except GatewayError:
            return OrderFact(state="unknown", as_of=asked_at)
        return OrderFact(state="known", status=order.status, as_of=asked_at)

    async def _payment(self, payment_id: str, at: datetime | None) -> PaymentFact:
        asked_at = at or datetime.now(UTC)
        try:
            payment = await self._payments.payment(payment_id, at=at)
        except GatewayError:
            return PaymentFact(payment_id=payment_id, state="unknown", as_of=asked_at)
        return PaymentFact(
            payment_id=payment_id,
            state="known",
            amount_minor=payment.amount_minor,
            refunded_minor=payment.refunded_minor,
            as_of=asked_at,
        )

    async def _parcel(
        self, parcel_id: str, direction: Literal["out", "back"], at: datetime | None
    ) -> ParcelFact | None:
        try:
            return await self._carrier.parcel(parcel_id, direction, at=at)
        except Rejected:
            # No parcel was ever sent that way.
            return None
        except GatewayError:
            return ParcelFact(
                parcel_id=parcel_id,
                direction=direction,
                state="unknown",
                as_of=at or datetime.now(UTC),
                source="nobody",
            )

    @activity.defn(name="refund")
    async def refund(self, wanted: RefundWanted) -> RefundResult:
        """Settles one leg once (protocol, Money): intent, call, outcome; a lost answer is looked up, never sent anew.

        Raises ApplicationError, retryable, while provider or PostgreSQL are away or the outcome is unknown.
        """
        leg, key = wanted.leg, f"{wanted.dispute_id}:{wanted.leg.leg}"
        intent = legs.Intent(
            dispute_id=UUID(wanted.dispute_id),
            leg=leg.leg,
            digest=digest(Leg(leg=leg.leg, payment_id=leg.payment_id, amount=leg.amount)),
            payment_id=leg.payment_id,
            amount_minor=leg.amount.amount_minor,
            currency=leg.amount.currency,
        )
        try:
            stored = await legs.intend(self._database, intent)
            if stored.state == "settled":
                return RefundResult(kind="settled", provider_reference=stored.provider_ref)
            return await self._settle(wanted, key, asked_before=stored.state != "intended")
        except KeyReused:
            return RefundResult(kind="stuck", because="other_leg_under_this_key")
        except StoreUnavailable as away:
            raise ApplicationError(str(away), type="StoreUnavailable") from None

    async def _settle(self, wanted: RefundWanted, key: str, *, asked_before: bool) -> RefundResult:
        try:
            receipt = await self._found(wanted, key) if asked_before or activity.info().attempt > 1 else None
            receipt = receipt or await self._pay(wanted, key)
        except Unavailable as away:
            raise _again(away, away.retry_after) from None
        except OutcomeUnknown as unknown:
            await self._conclude(wanted, "unknown", detail=str(unknown))
            raise _again(unknown, None) from None
        except Mismatch as other:
            await self._conclude(wanted, "unknown", detail=str(other))
            return RefundResult(kind="stuck", because="provider_answered_another_refund")
        except Rejected as refused:
            await self._conclude(wanted, "refused", detail=str(refused))
            return RefundResult(kind="stuck", because=refused.code)
        await self._conclude(wanted, "settled", provider_ref=receipt.refund_id)
        return RefundResult(kind="settled", provider_reference=receipt.refund_id)

    async def _found(self, wanted: RefundWanted, key: str) -> RefundReceipt | None:
        """The refund that an earlier attempt may have caused; asked for whenever there may have been one."""
        receipt = await self._payments.lookup(key, at=wanted.at)
        if receipt is not None:
            receipt.require(
                payment_id=wanted.leg.payment_id,
                amount_minor=wanted.leg.amount.amount_minor,
                currency=wanted.leg.amount.currency,
                reference=key,
            )
        return receipt

    async def _pay(self, wanted: RefundWanted, key: str) -> RefundReceipt:
        return await self._payments.refund(
            key,
            wanted.leg.payment_id,
            wanted.leg.amount.amount_minor,
            wanted.leg.amount.currency,
            key,
            at=wanted.at,
        )

    async def _conclude(
        self,
        wanted: RefundWanted,
        state: Literal["unknown", "settled", "refused"],
        *,
        provider_ref: str | None = None,
        detail: str | None = None,
    ) -> None:
        await legs.conclude(
            self._database,
            UUID(wanted.dispute_id),
            wanted.leg.leg,
            state,
            provider_ref=provider_ref,
            detail=detail,
        )


def _again(why: GatewayError, after_seconds: float | None) -> ApplicationError:
    delay = timedelta(seconds=after_seconds) if after_seconds else None
    return ApplicationError(str(why), type=type(why).__name__, next_retry_delay=delay)
