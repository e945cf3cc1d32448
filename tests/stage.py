"""The stage a story plays on: real servers, one database, one worker of our own, and a client."""

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle

from domain.commands import Actor, Role
from domain.dispute import Dispute
from domain.envelope import Answered
from localstack.stack import LocalStack, ProcessSpec
from starter.client import DisputeClient
from starter.clock import advance
from starter.connecting import connect
from starter.delivery import workflow_id
from starter.reading import read_dispute
from starter.settings import Settings
from store.database import Database
from store.migrate import migrate
from tests.strict import importing_runner
from worker.running import working

ARBITER = Actor(role=Role.ARBITER, id="arbiter-1")
SECOND_ARBITER = Actor(role=Role.ARBITER, id="arbiter-2")

_numbers = itertools.count(1)


def world_process() -> ProcessSpec:
    """The sandbox world, as a child of the stack."""
    return ProcessSpec(
        "world",
        [sys.executable, "-m", "sandbox"],
        env=lambda addresses: {"SANDBOX_PORT": addresses.processes["world"].rpartition(":")[2]},
        ready_path="/healthz",
    )


@dataclass
class Stage:
    """Everything a story needs; `stack` to kill and restart servers, `settings` to start more processes."""

    stack: LocalStack
    settings: Settings
    temporal: Client
    database: Database
    client: DisputeClient
    world: httpx.AsyncClient

    async def open(
        self,
        *,
        state: Literal["unshipped", "in_transit", "delivered"] = "delivered",
        reason: str | None = None,
        price_minor: int = 15_000,
        ask_minor: int | None = None,
        test_clock: bool = True,
    ) -> Case:
        """A new order in the world and the buyer's dispute about it; the reason fits the goods unless told."""
        order_id = await put_order(self.world, state=state, price_minor=price_minor)
        fitting = {"unshipped": "not_shipped", "in_transit": "not_received", "delivered": "not_as_described"}
        return await self.open_about(
            order_id, reason=reason or fitting[state], ask_minor=ask_minor, test_clock=test_clock
        )

    async def open_about(
        self, order_id: str, *, reason: str, ask_minor: int | None = None, test_clock: bool = True
    ) -> Case:
        """The buyer's dispute about an order that `put_order` made."""
        claim = {
            "order_id": order_id,
            "lines": [{"line": 1}],
            "reason": reason,
            "statement": "This is not what I paid for.",
            **({"amount": {"amount_minor": ask_minor, "currency": "CNY"}} if ask_minor else {}),
        }
        buyer = Actor(role=Role.BUYER, id=f"buyer-{order_id[-6:]}")
        (opened,) = await self.client.open(claim, actor=buyer, key=f"open-{order_id[-12:]}", test_clock=test_clock)
        seller = Actor(role=Role.SELLER, id=f"seller-{order_id[-6:]}")
        return Case(self, UUID(str(opened.id)), buyer, seller, itertools.count(1))


@asynccontextmanager
async def stage(
    stack: LocalStack, *, policy: str = "marketplace-default", worker: bool = True, cached: int = 200
) -> AsyncIterator[Stage]:
    """A stage on running servers: a migrated database of its own, and a worker in the strict sandbox unless told."""
    name = f"stage_{next(_numbers)}"
    dsn = await stack.postgres.create_database(name)
    migrate(dsn)
    settings = Settings(
        database_dsn=SecretStr(dsn),
        temporal_address=stack.addresses.temporal,
        task_queue=name,
        world_url=stack.addresses.processes["world"],
        policy=policy,
        sandbox=True,
        task_timeout_seconds=3,
        update_timeout_seconds=20,
    )
    async with AsyncExitStack() as things:
        temporal = await connect(settings)
        database = await things.enter_async_context(Database(dsn))
        client = await things.enter_async_context(DisputeClient.connect(settings))
        world = await things.enter_async_context(httpx.AsyncClient(base_url=settings.world_url, trust_env=False))
        if worker:
            await things.enter_async_context(working(temporal, settings, runner=importing_runner(), cached=cached))
        yield Stage(stack, settings, temporal, database, client, world)


async def put_order(
    world: httpx.AsyncClient,
    *,
    state: Literal["unshipped", "in_transit", "delivered"] = "delivered",
    price_minor: int = 15_000,
    currency: str = "CNY",
) -> str:
    """Puts an order of one line, with its payment and parcel, into the world and answers its id.

    It was paid eight days ago; what was shipped was scanned six days ago, what was delivered arrived yesterday.
    """
    order_id, now = f"order-{uuid4()}", datetime.now(UTC)

    def ago(days: int) -> str:
        return (now - timedelta(days=days)).isoformat()

    parcel_id = f"parcel-{order_id}"
    order = {
        "order_id": order_id,
        "currency": currency,
        "market": "CN",
        "buyer_id": f"buyer-{order_id[-6:]}",
        "status": "processing" if state == "unshipped" else "shipped",
        "purchased_at": ago(8),
        "paid_at": ago(8),
        "promised_by": ago(2),
        "lines": [
            {
                "line": 1,
                "sku": "sku-1",
                "seller_id": f"seller-{order_id[-6:]}",
                "kind": "physical",
                "quantity": 1,
                "unit_price_minor": price_minor,
                "freight_minor": 0,
                "ship_by": ago(6),
            }
        ],
        "payments": [{"payment_id": f"payment-{order_id}", "method": "wallet", "amount_minor": price_minor}],
        "selling_rules": {"version": "test-1", "no_reason_return_days": 7},
        "parcels": [{"parcel_id": parcel_id, "lines": [1], "carrier": "test-express", "tracking": "TX1"}],
    }
    (await world.put(f"/orders/{order_id}", json=order)).raise_for_status()
    if state != "unshipped":
        parcel = {"direction": "out", "state": state, "first_scan_at": ago(6)}
        if state == "delivered":
            parcel["delivered_at"] = ago(1)
        (await world.put(f"/parcels/{parcel_id}", json=parcel)).raise_for_status()
    return order_id


@dataclass
class Case:
    """One dispute in a story, with its parties at hand."""

    stage: Stage
    id: UUID
    buyer: Actor
    seller: Actor
    keys: itertools.count[int]

    async def act(self, command: str, by: Actor, **fields: object) -> Answered:
        """Sends a command under a fresh key and answers what came back; raises `Refused` for a refusal."""
        return await self.stage.client.send(self.id, command, fields, actor=by, key=f"k{next(self.keys)}")

    async def skip(self, by: timedelta) -> datetime:
        """Moves the case's test clock; deadlines on the way fire in order."""
        return await advance(self.stage.database, self.stage.temporal, self.stage.settings, self.id, by)

    async def now(self) -> Dispute:
        """The dispute as its timeline says."""
        dispute, _ = await read_dispute(self.stage.database, self.id, actor=None)
        return dispute

    @property
    def handle(self) -> WorkflowHandle[object, str]:
        return self.stage.temporal.get_workflow_handle(workflow_id(self.id), result_type=str)
