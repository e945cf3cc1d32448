"""One dispute as a story holds it: its parties, its commands, its clock and its end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import httpx
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError

from domain.commands import Actor
from domain.envelope import Answered
from domain.forecast import Forecast
from domain.outlook import View
from localstack.children import ChildFailed
from starter.client import DisputeClient
from starter.clock import advance
from starter.delivery import workflow_id
from starter.failures import ClientError
from starter.reading import Told
from starter.settings import Settings
from store.database import Database

_SOON_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.05

T = TypeVar("T")


class OtherThanTold(Exception):
    """Something went otherwise than the demo says it goes; the message is the sentence that says what."""


TROUBLES = (OtherThanTold, ClientError, ChildFailed, httpx.HTTPError, RPCError, WorkflowFailureError)
"""What ends one story and lets the demo go on: it is told at the end, and the demo has failed."""


@dataclass(frozen=True)
class Lines:
    """What a dispute is moved and looked at through."""

    settings: Settings
    temporal: Client
    database: Database
    client: DisputeClient
    ui: str


@dataclass
class Case:
    """One dispute on a test clock; every command goes under a fresh key unless one is given."""

    lines: Lines
    story: str
    opened: View
    buyer: Actor
    seller: Actor
    _keys: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def id(self) -> UUID:
        return UUID(self.opened.id)

    @property
    def handle(self) -> WorkflowHandle[object, str]:
        return self.lines.temporal.get_workflow_handle(workflow_id(self.id), result_type=str)

    @property
    def link(self) -> str:
        """Where the Temporal UI shows this dispute."""
        return f"{self.lines.ui}/namespaces/{self.lines.settings.temporal_namespace}/workflows/dispute%2F{self.id}"

    async def act(
        self, command: str, by: Actor, *, key: str | None = None, through: DisputeClient | None = None, **fields: object
    ) -> Answered:
        """Sends a command and gives its answer; raises ClientError, a refusal is `Refused`."""
        client = through or self.lines.client
        return await client.send(self.id, command, fields, actor=by, key=key or f"demo-{next(self._keys)}")

    async def skip(self, by: timedelta) -> datetime:
        """Moves this dispute's clock; deadlines on the way take effect in order. Raises ClientError."""
        lines = self.lines
        return await advance(lines.database, lines.temporal, lines.settings, self.id, by)

    async def look(self) -> View:
        return await self.lines.client.view(self.id)

    async def forecast(self) -> Forecast:
        return await self.lines.client.forecast(self.id)

    async def timeline(self) -> list[Told]:
        return await self.lines.client.timeline(self.id)

    async def event(self, kind: str) -> Told:
        """The first event of this type, waited for; raises OtherThanTold when it does not come."""

        async def found() -> Told | None:
            return next((entry for entry in await self.timeline() if entry.body.get("type") == kind), None)

        return await soon(found, f"dispute {self.id} shows no {kind}")

    async def ended(self) -> View:
        """The dispute once its workflow has ended.

        Raises:
            OtherThanTold: it does not end in time.
            WorkflowFailureError: the workflow broke.
        """
        try:
            async with asyncio.timeout(_SOON_SECONDS):
                await self.handle.result()
        except TimeoutError:
            phase = (await self.look()).phase
            raise OtherThanTold(f"dispute {self.id} is still in {phase} after {_SOON_SECONDS:.0f} s") from None
        return await self.look()

    def money(self, minor: int) -> dict[str, object]:
        """An amount in the dispute's currency (minor units), as commands carry it."""
        return {"amount_minor": minor, "currency": self.opened.order.currency}


async def soon(look: Callable[[], Awaitable[T | None]], complaint: str) -> T:
    """What `look` finds, asked again until it finds something; raises OtherThanTold with the complaint."""
    try:
        async with asyncio.timeout(_SOON_SECONDS):
            # What it waits for is written by other processes: there is no event to wait on.
            while (found := await look()) is None:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            return found
    except TimeoutError:
        raise OtherThanTold(f"{complaint} after {_SOON_SECONDS:.0f} s") from None
