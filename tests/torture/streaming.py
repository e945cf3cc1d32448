"""One client process of a run, `python -m tests.torture.streaming`: it plays disputes until it is told to stop."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx

from domain.commands import Actor, Role
from domain.dispute import Dispute
from starter.reading import read_dispute
from starter.settings import Settings
from store.database import Database
from store.errors import StoreError
from tests.stage import put_order
from tests.torture.asking import Asking
from tests.torture.plan import MANNERS, Cast, Wanted, dice, next_command
from tests.torture.recorder import OPEN_QUESTIONS, Recorder, how_many
from tests.torture.short_clocks import CLOCKS, client_under, short_policy

STEPS = 30
"""Steps of one dispute before its parties leave it to its clocks."""

STEPS_AFTER_THE_END = 2
LONGEST_SILENCE = 6.0


@dataclass
class Table:
    """One of several disputes that a client plays at once, one after the other."""

    asking: Asking
    database: Database
    world: httpx.AsyncClient
    seed: int
    client: str
    stop: asyncio.Event

    async def play(self, number: int) -> None:
        """Opens dispute after dispute; `number` begins where an earlier process of this client was killed."""
        while not self.stop.is_set():
            throw = dice(self.seed, self.client, number)
            try:
                await self._one(throw, f"{self.client}-{number}")
            except httpx.HTTPError:
                await self._pause(0.3)
            number += 1_000

    async def _one(self, throw: random.Random, name: str) -> None:
        states: tuple[Literal["unshipped", "in_transit", "delivered"], ...] = ("unshipped", "in_transit", "delivered")
        state = throw.choice(states)
        price = throw.choice((3_000, 15_000, 80_000, 250_000))
        order_id = await put_order(self.world, state=state, price_minor=price)
        buyer = Actor(role=Role.BUYER, id=f"buyer-{order_id[-6:]}")
        cast = Cast(
            buyer=buyer,
            seller=Actor(role=Role.SELLER, id=f"seller-{order_id[-6:]}"),
            arbiters=tuple(Actor(role=Role.ARBITER, id=f"arbiter-{n}") for n in (1, 2, 3)),
            strangers=(Actor(role=Role.BUYER, id="stranger"), Actor(role=Role.OPERATOR, id="operator-1")),
        )
        reason = {"unshipped": "not_shipped", "in_transit": "not_received", "delivered": "not_as_described"}[state]
        claim = {
            "order_id": order_id,
            "lines": [{"line": 1}],
            "reason": reason,
            "statement": f"dispute {name}",
            "amount": {"amount_minor": throw.randint(1, price), "currency": "CNY"},
        }
        for _ in range(4):
            opened = await self.asking.open(buyer, f"open-{order_id[-12:]}", claim)
            if opened or self.stop.is_set():
                break
        else:
            return
        if opened:
            await self._play(throw, UUID(opened[0]), cast)

    async def _play(self, throw: random.Random, dispute_id: UUID, cast: Cast) -> None:
        sent: list[tuple[Wanted, str]] = []
        after_the_end = 0
        for step in range(STEPS):
            dispute = await self._look(dispute_id)
            after_the_end += dispute is not None and dispute.closed_at is not None
            if self.stop.is_set() or after_the_end > STEPS_AFTER_THE_END:
                return
            (manner,) = throw.choices(list(MANNERS), list(MANNERS.values()))
            key = f"k{step}-{throw.getrandbits(24):06x}"
            wanted = next_command(throw, dispute, cast)
            match manner:
                case "silence":
                    await self._pause(_silence(throw, dispute))
                case "again" if sent:
                    await self._send(throw, dispute_id, *throw.choice(sent))
                case "together":
                    other = next_command(throw, dispute, cast, but=wanted.actor)
                    await asyncio.gather(
                        self._send(throw, dispute_id, wanted, key), self._send(throw, dispute_id, other, f"{key}b")
                    )
                    sent += [(wanted, key), (other, f"{key}b")]
                case "twice":
                    await asyncio.gather(*(self._send(throw, dispute_id, wanted, key) for _ in range(2)))
                    sent.append((wanted, key))
                case "other_content":
                    other = replace(wanted, name="say", fields={"text": "something else"})
                    await asyncio.gather(*(self._send(throw, dispute_id, one, key) for one in (wanted, other)))
                case _:
                    await self._send(throw, dispute_id, wanted, key)
                    sent.append((wanted, key))

    async def _send(self, throw: random.Random, dispute_id: UUID, wanted: Wanted, key: str) -> None:
        """Asks up to three times while nobody knows; the rest is left open on purpose."""
        for _ in range(throw.choice((1, 2, 3))):
            if await self.asking.send(dispute_id, wanted, key) not in OPEN_QUESTIONS:
                return

    async def _look(self, dispute_id: UUID) -> Dispute | None:
        try:
            dispute, _ = await read_dispute(self.database, dispute_id, actor=None)
        except StoreError:
            return None
        return dispute

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return


def _silence(throw: random.Random, dispute: Dispute | None) -> float:
    """Seconds until just around the next deadline."""
    if dispute is None or not dispute.waits:
        return 0.2
    left = min(wait.until for wait in dispute.waits) - datetime.now(UTC)
    return min(LONGEST_SILENCE, max(0.01, left.total_seconds() + throw.uniform(-0.03, 0.03)))


async def stream(settings: Settings, folder: Path, *, seed: int, client: str, tables: int) -> None:
    """Plays `tables` disputes at once until SIGTERM, and records every call in `folder`."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    path = folder / f"{client}.jsonl"
    begun = how_many([path])
    recorder = Recorder(path, client)
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(Database(settings.database_dsn.get_secret_value()))
        disputes = await opened.enter_async_context(client_under(settings, short_policy(**CLOCKS), database))
        world = await opened.enter_async_context(
            httpx.AsyncClient(base_url=settings.world_url, trust_env=False, timeout=5)
        )
        print("client ready", flush=True)  # noqa: T201
        playing = Table(Asking(disputes, recorder), database, world, seed, client, stop)
        async with asyncio.TaskGroup() as games:
            for table in range(tables):
                games.create_task(playing.play(begun * 10 + table))
    recorder.close()


if __name__ == "__main__":
    given_seed, given_client, given_folder, given_tables = sys.argv[1:]
    asyncio.run(
        stream(Settings(), Path(given_folder), seed=int(given_seed), client=given_client, tables=int(given_tables))
    )
