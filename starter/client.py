"""The Python client: opens disputes, sends commands, and reads what became of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Self, overload
from uuid import UUID

from pydantic import ValidationError

from domain.commands import Actor, Command, Open
from domain.envelope import Answered
from domain.forecast import Forecast, forecast
from domain.model import Frozen
from domain.outlook import AllowedAction, RefusedAction, View, allowed_actions, refused_actions, view
from gateways.carrier import Carrier
from gateways.orders import OrderSystem
from policies.shipped import load
from starter.acknowledging import Acknowledgements
from starter.connecting import connect
from starter.delivery import Deliverer, NotDelivered, Parcel
from starter.failures import BadCommand, FieldError, NotFound, Refused, Unavailable, Unknown
from starter.intake import read_command, read_dispute_id, receive
from starter.opening import OpeningDesk
from starter.reading import Told, read_dispute, read_timeline
from starter.settings import Settings
from store import errors, reading
from store.database import Database
from store.inbox import Receipt
from store.reading import Filters, Page

MAX_PAGE = 1000

_log = logging.getLogger(__name__)


class Actions(Frozen):
    """What an actor may do now, and why the rest is refused."""

    allowed: tuple[AllowedAction, ...]
    refused: tuple[RefusedAction, ...]


class DisputeClient:
    """Everything a backend needs; one for the whole process, used by any number of tasks at once.

    All methods raise `Unavailable` when PostgreSQL does not answer: then nothing was received, and the same call may
    be made again with the same key.
    """

    def __init__(
        self,
        database: Database,
        deliverer: Deliverer,
        desk: OpeningDesk,
        acknowledgements: Acknowledgements,
        *,
        daily_limit: int,
    ) -> None:
        self._database = database
        self._deliverer = deliverer
        self._desk = desk
        self._acknowledgements = acknowledgements
        self._daily_limit = daily_limit

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator[Self]:
        """A client of the database, Temporal and order system that `settings` name; Temporal may be away.

        Raises:
            Unavailable: PostgreSQL does not answer.
            PolicyError: there is no shipped policy of the name in `settings`.
        """
        policy = load(settings.policy)
        async with AsyncExitStack() as open_things:
            with _unavailable():
                database = await open_things.enter_async_context(Database(settings.database_dsn.get_secret_value()))
            orders = await open_things.enter_async_context(OrderSystem(settings.world_url))
            carrier = await open_things.enter_async_context(Carrier(settings.world_url))
            temporal = await connect(settings, lazy=True)
            acknowledgements = await open_things.enter_async_context(Acknowledgements.running(database))
            yield cls(
                database,
                Deliverer(database, temporal, settings),
                OpeningDesk(database, orders, carrier, policy, test_clocks=settings.sandbox),
                acknowledgements,
                daily_limit=policy.limits.messages_a_side_a_day,
            )

    async def open(
        self, claim: Open | Mapping[str, object], *, actor: Actor, key: str, test_clock: bool = False
    ) -> list[View]:
        """Open one dispute per group of lines in one state, all or none; `test_clock` is for the sandbox only.

        Raises:
            BadCommand: the claim cannot be read; nothing was written.
            KeyReused: the actor used this key for other content.
            Refused: the rules say no.
            Unavailable: PostgreSQL or the order system does not answer.
        """
        opened = await self._desk.open(claim, actor=actor, key=key, test_clock=test_clock)
        for dispute in opened.disputes:
            if dispute.started:
                continue
            try:
                await self._deliverer.start(dispute.dispute_id, dispute.start)
            except NotDelivered as error:
                # The dispute is open all the same: the relay starts what we could not.
                _log.warning("dispute %s is left to the relay to start: %s", dispute.dispute_id, error)
            else:
                self._acknowledgements.add(dispute.dispute_id, dispute.command_id)
        try:
            return [await self.view(dispute.dispute_id, actor=actor) for dispute in opened.disputes]
        except Unavailable as error:
            raise Unknown(key, "it is open, but PostgreSQL does not answer") from error

    async def buyer_of(self, claim: Open | Mapping[str, object]) -> Actor:
        """Who bought what a claim is about, as the order system says; for tools that speak for the buyer.

        Raises:
            BadCommand: the claim cannot be read.
            Refused: there is no such order.
            Unavailable: the order system does not answer.
        """
        return await self._desk.buyer_of(claim)

    @overload
    async def send(
        self, dispute_id: UUID | str, command: Command, *, actor: Actor, key: str, seen_version: int | None = None
    ) -> Answered: ...

    @overload
    async def send(
        self,
        dispute_id: UUID | str,
        command: str,
        fields: Mapping[str, object],
        *,
        actor: Actor,
        key: str,
        seen_version: int | None = None,
    ) -> Answered: ...

    async def send(
        self,
        dispute_id: UUID | str,
        command: Command | str,
        fields: Mapping[str, object] | None = None,
        *,
        actor: Actor,
        key: str,
        seen_version: int | None = None,
    ) -> Answered:
        """Send a command to a running dispute and wait for its answer.

        The same key with the same content gives the same answer, however often it is sent. `seen_version` is the
        dispute's version the sender looked at; it is recorded.

        Raises:
            BadCommand: the command cannot be read; nothing was written.
            NotFound: no such dispute.
            KeyReused: the actor used this key for other content.
            Refused: the rules say no; on record in the timeline.
            Unknown: received, but not answered in time; the same call asks again.
            Unavailable: PostgreSQL does not answer.
        """
        wanted = read_command(command, fields)
        receipt = await receive(
            self._database,
            read_dispute_id(dispute_id),
            wanted,
            actor=actor,
            key=key,
            seen_version=seen_version,
            daily_limit=self._daily_limit,
        )
        answered, by_workflow = await self._answer(receipt, wanted, actor, key, seen_version)
        # A stored answer does not say that the workflow knows of it: its worker may have died between commit and task,
        # and then only the relay, which delivers what is not acknowledged, brings it along. A refusal changes nothing.
        if not receipt.acknowledged and (by_workflow or answered.status == "refused"):
            self._acknowledgements.add(receipt.dispute_id, receipt.command_id)
        if answered.status == "refused":
            assert answered.code is not None
            raise Refused(answered.code, answered.detail, version=answered.version)
        return answered

    async def _answer(
        self, receipt: Receipt, command: Command, actor: Actor, key: str, seen_version: int | None
    ) -> tuple[Answered, bool]:
        """The answer, and whether the workflow itself has told it."""
        if receipt.answer is not None:
            return Answered.model_validate_json(receipt.answer), False
        parcel = Parcel(
            dispute_id=receipt.dispute_id,
            command_id=receipt.command_id,
            name=command.name,
            actor=actor,
            command=command.model_dump(mode="json", exclude_none=True),
            received_at=receipt.received_at,
            seen_version=seen_version,
            started=receipt.started,
        )
        try:
            try:
                return await self._deliverer.deliver(parcel), True
            except NotDelivered as error:
                # The commit may have stored the answer although the update could not tell it.
                stored, _ = await reading.answer(self._database, receipt.dispute_id, receipt.command_id)
                if stored is None:
                    raise Unknown(key, str(error)) from error
                return Answered.model_validate_json(stored), False
        except errors.StoreUnavailable as error:
            raise Unknown(key, "PostgreSQL does not answer") from error

    async def view(self, dispute_id: UUID | str, *, actor: Actor | None = None) -> View:
        """The dispute as this actor may see it; None sees what an operator sees. Raises NotFound."""
        with _unavailable(), _not_found():
            dispute, now = await read_dispute(self._database, read_dispute_id(dispute_id), actor=actor)
        return view(dispute, actor, now)

    async def timeline(self, dispute_id: UUID | str, *, actor: Actor | None = None) -> list[Told]:
        """Everything that is on the dispute's timeline, in order. Raises NotFound."""
        with _unavailable(), _not_found():
            return await read_timeline(self._database, read_dispute_id(dispute_id), actor=actor)

    async def forecast(self, dispute_id: UUID | str, *, actor: Actor | None = None) -> Forecast:
        """Every coming deadline, and the outcome if nobody acts. Raises NotFound."""
        with _unavailable(), _not_found():
            dispute, now = await read_dispute(self._database, read_dispute_id(dispute_id), actor=actor)
        return forecast(dispute, now)

    async def allowed(self, dispute_id: UUID | str, *, actor: Actor) -> Actions:
        """What this actor may do now and why the rest is refused. Raises NotFound."""
        with _unavailable(), _not_found():
            dispute, now = await read_dispute(self._database, read_dispute_id(dispute_id), actor=actor)
        return Actions(allowed=allowed_actions(dispute, actor, now), refused=refused_actions(dispute, actor, now))

    async def list(
        self,
        filters: Filters | Mapping[str, object] | None = None,
        *,
        limit: int = 100,
        starting_after: UUID | str | None = None,
    ) -> Page:
        """One page of disputes, newest first; at most 1,000.

        Raises:
            BadCommand: a filter does not fit, or the limit.
            NotFound: `starting_after` is no dispute.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise BadCommand("list", [FieldError(field="limit", message=f"choose 1 to {MAX_PAGE}")])
        try:
            wanted = filters if isinstance(filters, Filters) else Filters.model_validate(dict(filters or {}))
        except ValidationError as error:
            raise BadCommand.from_validation("list", error) from None
        after = None if starting_after is None else read_dispute_id(starting_after)
        with _unavailable(), _not_found():
            return await reading.list_disputes(self._database, wanted, limit=limit, starting_after=after)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except errors.StoreUnavailable as error:
        raise Unavailable(str(error)) from error


@contextmanager
def _not_found() -> Iterator[None]:
    try:
        yield
    except errors.NotFound as error:
        raise NotFound(error.which) from None
