"""The scene of the demo: a fresh stack of real servers, the parties' client and the outside world."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx

from domain.commands import Actor, Role
from localstack.children import Child
from localstack.progress import Progress
from localstack.stack import Addresses, LocalStack
from starter.cli.running import stack_environment, stack_processes
from starter.client import DisputeClient
from starter.connecting import connect
from starter.delivery import SEARCH_ATTRIBUTES
from starter.demo.case import Case, Lines
from starter.settings import Settings
from store.database import Database

_TASK_TIMEOUT_SECONDS = "3"
"""Temporal waits this long for a killed worker before another one gets its task; 10 s would stop the telling."""

_READY_SECONDS = 60.0
_PAGE = 1000


@dataclass
class Scene:
    """What the stories play on; `cases` are the disputes opened so far."""

    stack: LocalStack
    lines: Lines
    world: httpx.AsyncClient
    cases: list[Case] = field(default_factory=list)

    @property
    def worker(self) -> Child:
        """The worker's process, to be killed and started again."""
        return self.stack.processes["worker"]

    async def restart_worker(self) -> None:
        """Starts a worker process in the place of the dead one; raises ChildFailed."""

        async def ready() -> bool:
            return "worker ready" in self.worker.output()

        self.worker.start()
        await self.worker.wait_until(ready, timeout=_READY_SECONDS)

    async def open(self, story: str, claim: dict[str, Any], buyer_id: str) -> Case:
        """The buyer's dispute on a test clock; the claim names lines of one group. Raises ClientError."""
        buyer = Actor(role=Role.BUYER, id=buyer_id)
        key = f"open-{claim['order_id']}"
        (opened,) = await self.lines.client.open(claim, actor=buyer, key=key, test_clock=True)
        seller = Actor(role=Role.SELLER, id=opened.parties.seller_id)
        case = Case(self.lines, story, opened, buyer, seller)
        self.cases.append(case)
        return case

    async def books(self, **narrowed: str) -> dict[str, Any]:
        """What took effect in the outside world, by its own books; raises httpx.HTTPError."""
        answer = await self.world.get("/books", params=narrowed)
        answer.raise_for_status()
        books: dict[str, Any] = answer.json()
        return books

    async def order_ids(self) -> set[str]:
        """The orders that the outside world holds; raises httpx.HTTPError."""
        ids: list[str] = []
        while True:
            asked = {"limit": str(_PAGE)} | ({"starting_after": ids[-1]} if ids else {})
            answer = await self.world.get("/orders", params=asked)
            answer.raise_for_status()
            page = answer.json()
            ids += page["data"]
            if not page["has_more"]:
                return set(ids)

    async def buyer_of(self, order_id: str) -> str:
        """Who placed this order; raises httpx.HTTPError."""
        answer = await self.world.get(f"/orders/{order_id}")
        answer.raise_for_status()
        return str(answer.json()["buyer_id"])

    async def put_order(
        self, order_id: str, sku: str, price_minor: int, state: Literal["unshipped", "delivered"]
    ) -> str:
        """Puts an order of one line, paid eight days ago in CNY (minor units), into the outside world.

        What was shipped was scanned six days ago and delivered yesterday. Gives the buyer's id; raises httpx.HTTPError.
        """
        now = datetime.now(UTC)

        def ago(days: int) -> str:
            return (now - timedelta(days=days)).isoformat()

        parcel_id, buyer_id = f"par-{order_id}", f"buyer-of-{order_id}"
        order = {
            "order_id": order_id,
            "currency": "CNY",
            "market": "CN",
            "buyer_id": buyer_id,
            "status": "processing" if state == "unshipped" else "delivered",
            "purchased_at": ago(8),
            "paid_at": ago(8),
            "promised_by": ago(1),
            "lines": [
                {
                    "line": 1,
                    "sku": sku,
                    "seller_id": f"seller-of-{order_id}",
                    "kind": "physical",
                    "quantity": 1,
                    "unit_price_minor": price_minor,
                    "freight_minor": 0,
                    "ship_by": ago(6),
                }
            ],
            "payments": [{"payment_id": f"pay-{order_id}", "method": "wallet", "amount_minor": price_minor}],
            "selling_rules": {"version": "cn-1", "no_reason_return_days": 7},
            "parcels": [{"parcel_id": parcel_id, "lines": [1], "carrier": "sandbox-express", "tracking": "SX1"}],
        }
        (await self.world.put(f"/orders/{order_id}", json=order)).raise_for_status()
        if state == "delivered":
            scans = {"direction": "out", "state": state, "first_scan_at": ago(6), "delivered_at": ago(1)}
            (await self.world.put(f"/parcels/{parcel_id}", json=scans)).raise_for_status()
        return buyer_id

    def complaints(self) -> list[str]:
        """What the outside world said of rows in its order file that it left out."""
        return [line for line in self.stack.processes["sandbox"].output().splitlines() if " row " in line]


@asynccontextmanager
async def set_scene(orders: Path, progress: Progress) -> AsyncIterator[Scene]:
    """A stack of its own in temporary folders, gone at the end.

    Raises:
        ChildFailed, NotFound, NotReachable: a part of the stack does not come up (localstack).
        ClientError: our client cannot connect to it.
    """
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="disputes-demo-")))
        stack = await opened.enter_async_context(
            LocalStack(
                None,
                processes=[replace(spec, env=_environment) for spec in stack_processes(folder, orders)],
                search_attributes=SEARCH_ATTRIBUTES,
                progress=progress,
            )
        )
        settings = _settings(stack.addresses)
        lines = Lines(
            settings,
            await connect(settings),
            await opened.enter_async_context(Database(settings.database_dsn.get_secret_value())),
            await opened.enter_async_context(DisputeClient.connect(settings)),
            stack.addresses.ui or "",
        )
        world = httpx.AsyncClient(base_url=settings.world_url, trust_env=False)
        yield Scene(stack, lines, await opened.enter_async_context(world))


def _environment(addresses: Addresses) -> dict[str, str]:
    return stack_environment(addresses) | {"DISPUTES_TASK_TIMEOUT_SECONDS": _TASK_TIMEOUT_SECONDS}


def _settings(addresses: Addresses) -> Settings:
    """The settings that the stack's processes run with."""
    prefix = "DISPUTES_"
    ours: dict[str, Any] = {name: value for name, value in _environment(addresses).items() if name.startswith(prefix)}
    return Settings(**{name.removeprefix(prefix).lower(): value for name, value in ours.items()})
