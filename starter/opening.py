"""Intake of `open`: the order is looked up, the claim judged against it, and one dispute a group stored, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID, uuid4

from domain.canonical import canonical
from domain.commands import Actor, Open, Role
from domain.envelope import Answered, DisputeInput, content_digest
from domain.events import Opened
from domain.evolving import begin
from domain.headline import headline
from domain.notices import notices
from domain.opening import open_cases
from domain.order import OrderSnapshot, ParcelFact
from domain.policy import Policy
from domain.refusals import Code
from domain.refusals import Refused as RuleRefused
from domain.working_time import Calendar
from gateways.carrier import Carrier
from gateways.errors import GatewayError, Rejected
from gateways.orders import OrderSystem
from policies.working_days import calendar
from starter.failures import BadCommand, FieldError, KeyReused, Refused, Unavailable, Unknown
from starter.intake import command_id, read_fields, read_key
from store import errors, opening
from store.clock import intake_now
from store.database import Database
from store.opened import known_opening, note_refusal, taken_units
from store.opening import Group, Opening, Unit
from store.records import Head, Message
from store.records import Policy as PolicyRecord


class OpeningDesk:
    """Receives openings under one policy: the one new disputes pin; `test_clocks` says whether any may run on one."""

    def __init__(
        self, database: Database, orders: OrderSystem, carrier: Carrier, policy: Policy, *, test_clocks: bool
    ) -> None:
        self._database = database
        self._orders = orders
        self._carrier = carrier
        self._policy = policy
        self._pinned = PolicyRecord(
            digest=policy.digest, id=policy.policy_id, version=policy.version, body=canonical(policy)
        )
        self._test_clocks = test_clocks

    async def open(
        self, claim: Open | Mapping[str, object], *, actor: Actor, key: str, test_clock: bool
    ) -> opening.Opened:
        """Store the disputes of a claim; the same key with the same content gives the stored ones again.

        Raises:
            BadCommand: the claim or the key cannot be read.
            KeyReused: the actor used this key for other content.
            Refused: the rules say no (protocol, Lines and repeats); the refusal is on record.
            Unavailable: PostgreSQL, the order system or the carrier does not answer; nothing was received.
            Unknown: PostgreSQL went away in the middle; the same call tells whether it was received.
        """
        command = claim if isinstance(claim, Open) else read_fields(Open, claim)
        read_key(command.name, key)
        if test_clock and not self._test_clocks:
            raise BadCommand(command.name, [FieldError(field="test_clock", message="test clocks are the sandbox's")])
        name = "open on a test clock" if test_clock else "open"
        digest = content_digest(name, actor, canonical(command))
        try:
            known = await known_opening(self._database, actor.role, actor.id, key)
            if known is not None:
                if known.digest != digest:
                    raise KeyReused(key)
                return known.opened
            try:
                return await self._store(command, actor, key, digest, test_clock)
            except Refused as refused:
                await note_refusal(
                    self._database,
                    actor_role=actor.role,
                    actor_id=actor.id,
                    key=key,
                    digest=digest,
                    order_id=command.order_id,
                    code=refused.code,
                )
                raise
        except errors.KeyReused:
            raise KeyReused(key) from None
        except errors.StoreUnavailable as error:
            if error.perhaps_done:
                raise Unknown(key, "the connection to PostgreSQL broke while it was received") from error
            raise Unavailable(str(error)) from error

    async def buyer_of(self, claim: Open | Mapping[str, object]) -> Actor:
        """The buyer of the order that a claim is about.

        Raises:
            BadCommand: the claim cannot be read.
            Refused: there is no such order.
            Unavailable: the order system does not answer.
        """
        command = claim if isinstance(claim, Open) else read_fields(Open, claim)
        return Actor(role=Role.BUYER, id=(await self._order(command.order_id)).buyer_id)

    async def _store(self, command: Open, actor: Actor, key: str, digest: str, test_clock: bool) -> opening.Opened:
        order = await self._order(command.order_id)
        facts = await asyncio.gather(*(self._fact(parcel.parcel_id) for parcel in order.parcels))
        # Judged at an instant of PostgreSQL's clock, as every receipt is.
        at = await intake_now(self._database)
        pinned = calendar(order.market, at)
        try:
            cases = open_cases(command, actor, order, tuple(facts), self._policy, pinned, at, lambda: str(uuid4()))
        except RuleRefused as refused:
            raise Refused(refused.code, refused.detail) from None
        return await self._claim_units(command, actor, key, digest, test_clock, at, pinned, cases)

    async def _claim_units(
        self,
        command: Open,
        actor: Actor,
        key: str,
        digest: str,
        test_clock: bool,
        at: datetime,
        pinned: Calendar,
        cases: tuple[Opened, ...],
    ) -> opening.Opened:
        tried: dict[str, tuple[Unit, ...]] | None = None
        while True:
            taken = await taken_units(self._database, command.order_id)
            units = {case.dispute_id: choose_units(case, taken) for case in cases}
            request = Opening(
                actor_role=actor.role.value,
                actor_id=actor.id,
                key=key,
                digest=digest,
                received_at=at,
                policy=self._pinned,
                groups=tuple(
                    self._group(case, units[case.dispute_id], command_id(actor, key), digest, pinned, test_clock)
                    for case in cases
                ),
                test_clock=test_clock,
            )
            try:
                return await opening.open_disputes(self._database, request)
            except errors.UnitTaken as error:
                # Somebody else may have taken just the pieces we chose; then other pieces of the line may be free.
                if units == tried:
                    raise Refused(Code(error.code), {"line": error.line, "unit": error.unit}) from None
                tried = units

    def _group(
        self, case: Opened, units: tuple[Unit, ...], command: str, digest: str, pinned: Calendar, test_clock: bool
    ) -> Group:
        dispute = begin(case, self._policy, pinned, test_clock=test_clock)
        start = DisputeInput(policy=self._policy, calendar=pinned, opened=case, test_clock=test_clock)
        return Group(
            dispute_id=UUID(case.dispute_id),
            command_id=command,
            digest=digest,
            start=canonical(start),
            event=canonical(case),
            answer=canonical(Answered(status="accepted", version=1, events=(case.type,))),
            order_id=case.order.order_id,
            seller_id=case.seller_id,
            buyer_id=case.order.buyer_id,
            market=case.order.market,
            head=Head(**headline(dispute).model_dump()),
            units=units,
            messages=tuple(
                Message(**notice.model_dump(exclude={"body"}), body=canonical(notice.body))
                for notice in notices(None, dispute, (case,))
            ),
        )

    async def _order(self, order_id: str) -> OrderSnapshot:
        try:
            return await self._orders.get(order_id, at=None)
        except Rejected as error:
            if error.code == "order_not_found":
                raise Refused(Code.ORDER_NOT_FOUND, {"order_id": order_id}) from None
            raise _not_now(error) from error
        except GatewayError as error:
            raise _not_now(error) from error

    async def _fact(self, parcel_id: str) -> ParcelFact:
        try:
            return await self._carrier.parcel(parcel_id, "out", at=None)
        except GatewayError:
            # A carrier without an answer yields an unknown fact, never "not delivered" (Facts are three-valued).
            return ParcelFact(
                parcel_id=parcel_id, state="unknown", as_of=await intake_now(self._database), source="nobody"
            )


def choose_units(case: Opened, taken: frozenset[tuple[str, int]]) -> tuple[Unit, ...]:
    """The pieces of each line a case claims: free ones first, so that two buyers' halves of one line do not collide.

    When fewer are free than claimed, taken ones are named, and the store says which dispute has them.
    """
    chosen: list[Unit] = []
    for number, count in case.claim.lines:
        line = case.order.line(number)
        pieces = range(1, (line.quantity if line is not None else count) + 1)
        by_freedom = sorted(pieces, key=lambda piece: ((str(number), piece) in taken, piece))
        chosen += [Unit(line=str(number), unit=piece) for piece in sorted(by_freedom[:count])]
    return tuple(chosen)


def _not_now(error: GatewayError) -> Unavailable:
    return Unavailable(f"The {error.system} gives no usable answer; open the dispute again later with the same key.")
