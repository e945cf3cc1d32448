"""Intake against the lapse at one deadline: with the dispute's lock nothing received in time is ever lost."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from store.clock import intake_now
from store.commit import Done, Early, Received, commit
from store.database import Database
from tests.records.cases import a_command, a_dispute, a_lapse, until

WITHOUT_LOCK = "create or replace function lock_dispute(which uuid) returns void language sql as 'select'"


async def receive(connection: psycopg.AsyncConnection, dispute_id: UUID, start_at: float) -> datetime:
    """Receive a command at `start_at` in a transaction that stays open; gives its receipt."""
    await asyncio.sleep(max(0.0, start_at - time.time()))
    request = a_command(dispute_id).model_dump(mode="json") | {"daily_limit": 9}
    answer = await connection.execute("select receive_command(%s)", [Jsonb(request)])
    row = await answer.fetchone()
    assert row is not None
    return datetime.fromisoformat(row[0]["received_at"])


async def lapse(database: Database, dispute_id: UUID, at: datetime) -> Done | Received:
    """What the workflow does at a deadline: sleep on while it is early."""
    while True:
        result = await commit(database, a_lapse(dispute_id, at))
        if isinstance(result, Early):
            await asyncio.sleep(result.milliseconds / 1000)
            continue
        assert isinstance(result, Done | Received)
        return result


def lost(received_at: datetime, at: datetime, result: Done | Received) -> bool:
    """Whether silence took effect over a command that was received in time."""
    return received_at <= at and isinstance(result, Done)


@dataclass(frozen=True)
class Race:
    """How one race went; `delay` is how many seconds after its start the command was stamped."""

    in_time: bool
    was_lost: bool
    delay: float


async def race(dsn: str, database: Database, offset: float, hold: float) -> Race:
    """Intake that starts `offset` seconds after the deadline and commits `hold` seconds after its stamp."""
    dispute_id = await a_dispute(database)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        at = await intake_now(database) + timedelta(milliseconds=60)
        lapsing = asyncio.create_task(lapse(database, dispute_id, at))
        start_at = at.timestamp() + offset
        received_at = await receive(connection, dispute_id, start_at)
        await asyncio.sleep(hold)
    result = await lapsing
    if received_at > at:
        assert isinstance(result, Done), "a command that came too late held up the lapse"
    return Race(received_at <= at, lost(received_at, at, result), received_at.timestamp() - start_at)


async def test_no_command_is_lost_at_the_deadline(dsn: str, database: Database) -> None:
    seed = random.SystemRandom().randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    dice = random.Random(seed)
    races: list[Race] = []
    for _ in range(10):
        # Started earlier by what the stamp usually takes here, so that the stamps fall on both sides.
        lead = statistics.median(race.delay for race in races) if races else 0.0
        starts = [(dice.uniform(-0.005, 0.005) - lead, dice.choice((0, 0.02, 0.2))) for _ in range(6)]
        races += await asyncio.gather(*(race(dsn, database, offset, hold) for offset, hold in starts))
    in_time = sum(race.in_time for race in races)
    sys.stdout.write(f"{in_time} of {len(races)} in time\n")
    assert not any(race.was_lost for race in races)
    assert 0 < in_time < len(races), "all races fell on one side, so nothing was tried"


async def slow_intake_at_a_deadline(dsn: str, database: Database) -> bool:
    """Intake that is stamped in time and commits only once the lapse waits for it; gives whether it was lost."""
    dispute_id = await a_dispute(database)
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        received_at = await receive(connection, dispute_id, time.time())
        at = received_at + timedelta(milliseconds=50)
        lapsing = asyncio.create_task(lapse(database, dispute_id, at))

        async def lapse_waits() -> bool:
            rows = await database.fetch(
                """
                select count(*) as waiting from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock' and clock_timestamp() > %(at)s
                """,
                {"at": at},
            )
            return bool(rows[0]["waiting"])

        await until(lapse_waits)
    return lost(received_at, at, await lapsing)


async def test_slow_intake_is_waited_for(dsn: str, database: Database) -> None:
    assert not await slow_intake_at_a_deadline(dsn, database)


async def test_without_the_lock_it_is_lost(own_dsn: str) -> None:
    async with (
        await psycopg.AsyncConnection.connect(own_dsn, autocommit=True) as connection,
        Database(own_dsn) as database,
    ):
        await connection.execute(WITHOUT_LOCK)
        assert await slow_intake_at_a_deadline(own_dsn, database)
