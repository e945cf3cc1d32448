"""Delivery: an inbox row becomes a started workflow or an answered update; client and relay both deliver this way."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

from pydantic import AwareDatetime, JsonValue
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.canonical import canonical
from domain.commands import Actor, Role
from domain.envelope import Answered, DisputeInput, Envelope, RefusedEntry
from domain.events import Opened
from domain.evolving import begin
from domain.model import Frozen
from domain.outlook import summary
from domain.refusals import Code
from starter.settings import Settings
from store import inbox, reading
from store.database import Database
from store.errors import NotClosed
from store.opened import stored_start

WORKFLOW = "DisputeWorkflow"

SEARCH_ATTRIBUTES = ("SellerId", "BuyerId", "OrderId", "Reason", "Market")
"""Keywords set at the start of every dispute; the namespace must know them."""

_CLOSED_UNDER_WAY = "AcceptedUpdateCompletedWorkflow"
"""The error type of an update that was accepted and then overtaken by the end of its workflow."""


def workflow_id(dispute_id: UUID) -> str:
    """The id of a dispute's workflow."""
    return f"dispute/{dispute_id}"


def history_page(settings: Settings, dispute_id: UUID) -> str | None:
    """The dispute's page in the Temporal UI, None where no UI is set."""
    if settings.temporal_ui_url is None:
        return None
    page = quote(workflow_id(dispute_id), safe="")
    return f"{settings.temporal_ui_url}/namespaces/{settings.temporal_namespace}/workflows/{page}"


class NotDelivered(Exception):
    """The row has no answer yet; the text says why in a few words."""


class Away(NotDelivered):
    """Temporal does not answer at all."""


class Bug(NotDelivered):
    """The workflow took the row and failed on it, which only a bug makes it do."""


class Parcel(Frozen):
    """One command on its way: what its inbox row says; `started` is whether its workflow is known to run."""

    dispute_id: UUID
    command_id: str
    name: str
    actor: Actor
    command: dict[str, JsonValue]
    received_at: AwareDatetime
    seen_version: int | None
    started: bool


class Deliverer:
    """Starts disputes and brings them their commands."""

    def __init__(self, database: Database, temporal: Client, settings: Settings) -> None:
        self._database = database
        self._temporal = temporal
        self._settings = settings

    async def start(self, dispute_id: UUID, start: str) -> None:
        """Start the dispute's workflow from its canonical input; one that runs or has run counts as started.

        Raises:
            ValidationError: `start` cannot be read.
            NotDelivered: Temporal did not take it; try again.
        """
        case = DisputeInput.model_validate_json(start)
        if case.opened is None or case.policy is None or case.calendar is None:
            raise ValueError(f"The stored start of dispute {dispute_id} names no opened case; restore its inbox row.")
        title, details = summary(begin(case.opened, case.policy, case.calendar, test_clock=case.test_clock))
        try:
            async with asyncio.timeout(self._settings.update_timeout_seconds):
                await self._temporal.start_workflow(
                    WORKFLOW,
                    case,
                    id=workflow_id(dispute_id),
                    task_queue=self._settings.task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    task_timeout=timedelta(seconds=self._settings.task_timeout_seconds),
                    static_summary=title,
                    static_details=details,
                    search_attributes=_search_attributes(case.opened),
                )
        except WorkflowAlreadyStartedError:
            return
        except (RPCError, RuntimeError, TimeoutError) as error:
            raise await self._not_delivered(error) from error

    async def deliver(self, parcel: Parcel) -> Answered:
        """Bring a command to its dispute and give the answer; starts the dispute first when nobody has.

        Raises:
            Bug: the workflow failed on it.
            NotDelivered: the workflow has not told its answer, which may be stored all the same; deliver it again.
            StoreUnavailable: PostgreSQL does not answer; deliver it again.
        """
        if not parcel.started:
            await self._start_first(parcel.dispute_id)
        return await self._update(parcel)

    async def _start_first(self, dispute_id: UUID) -> None:
        stored = await stored_start(self._database, dispute_id)
        if not stored.started:
            await self.start(dispute_id, stored.start)
            await inbox.acknowledge(self._database, [(dispute_id, stored.command_id)])

    async def _update(self, parcel: Parcel) -> Answered:
        envelope = Envelope(
            actor=parcel.actor,
            received_at=parcel.received_at,
            command=parcel.command,
            seen_version=parcel.seen_version,
        )
        handle = self._temporal.get_workflow_handle(workflow_id(parcel.dispute_id))
        try:
            # Its own rpc_timeout bounds one poll, not the whole wait.
            async with asyncio.timeout(self._settings.update_timeout_seconds):
                answered: Answered = await handle.execute_update(
                    parcel.name, envelope, id=parcel.command_id, result_type=Answered
                )
        except WorkflowUpdateFailedError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.type == _CLOSED_UNDER_WAY:
                return await self._closed(parcel)
            raise Bug(f"the dispute failed on it: {error.cause}") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return await self._closed(parcel)
            raise await self._not_delivered(error) from error
        except (WorkflowUpdateRPCTimeoutOrCancelledError, RuntimeError, TimeoutError) as error:
            raise await self._not_delivered(error) from error
        return answered

    async def knock(self) -> None:
        """Ask Temporal for a sign of life; raises Away."""
        try:
            await self._temporal.service_client.check_health(timeout=timedelta(seconds=2))
        except (RPCError, RuntimeError) as error:
            raise Away("Temporal does not answer") from error

    async def _not_delivered(self, error: Exception) -> NotDelivered:
        if isinstance(error, RPCError) and error.status is not RPCStatusCode.UNAVAILABLE:
            return NotDelivered(f"Temporal answered {error.status.name.lower()}")
        # The SDK tries again by itself while Temporal is away, so that too ends as a timeout.
        try:
            await self.knock()
        except Away as away:
            return away
        return NotDelivered("no answer in time, is a worker running?")

    async def _closed(self, parcel: Parcel) -> Answered:
        """The answer of a dispute whose workflow has ended: its own, when it gave one before, else `closed`."""
        head = await reading.head(self._database, parcel.dispute_id)
        party = {Role.BUYER: head.buyer_id, Role.SELLER: head.seller_id}.get(parcel.actor.role, parcel.actor.id)
        # A stranger learns nothing of the case, not even that it has ended.
        code = Code.CLOSED if party == parcel.actor.id else Code.NOT_A_PARTY
        answered = Answered(status="refused", version=head.version, code=code)
        refusal = RefusedEntry(
            name=parcel.name, at=parcel.received_at, by=parcel.actor, code=code, command_id=parcel.command_id
        )
        try:
            stored = await inbox.close_unanswered(
                self._database,
                parcel.dispute_id,
                parcel.command_id,
                answer=canonical(answered),
                refusal=canonical(refusal),
            )
        except NotClosed as error:
            raise NotDelivered("Temporal does not know this dispute, though it is open") from error
        return Answered.model_validate_json(stored)


def parcel_of(row: inbox.Delivery) -> Parcel:
    """What a leased row of the inbox delivers; raises ValidationError or ValueError when it cannot be read."""
    return Parcel(
        dispute_id=row.dispute_id,
        command_id=row.command_id,
        name=row.name,
        actor=Actor.model_validate({"role": row.actor_role, "id": row.actor_id}),
        command=json.loads(row.body),
        received_at=row.received_at,
        seen_version=row.seen_version,
        # Rows other than `open` are leased only once their dispute has been started.
        started=True,
    )


def _search_attributes(opened: Opened) -> TypedSearchAttributes:
    order = opened.order
    values = (opened.seller_id, order.buyer_id, order.order_id, opened.claim.reason.value, order.market)
    return TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
            for name, value in zip(SEARCH_ATTRIBUTES, values, strict=True)
        ]
    )
