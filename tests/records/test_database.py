"""The way to PostgreSQL: faults have a name, dead connections fail once, unstorable text is refused before."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from datetime import timedelta

import psycopg
import pytest

from store import inbox, reading
from store.commit import commit
from store.database import Database
from store.errors import StoreUnavailable
from tests.records.cases import a_command, a_commit, a_dispute, an_event


@pytest.mark.parametrize(
    ("text", "message"),
    [("a\x00b", r"entries\.0\.body holds a NUL"), ("\ud83d", r"entries\.0\.body holds half of a surrogate pair")],
)
async def test_text_that_postgresql_cannot_hold(database: Database, text: str, message: str) -> None:
    dispute_id = await a_dispute(database)
    change = a_commit(dispute_id).model_copy(update={"entries": (an_event().model_copy(update={"body": text}),)})
    with pytest.raises(ValueError, match=message):
        await commit(database, change)
    with pytest.raises(ValueError, match="holds"):
        await reading.policy(database, text)
    assert (await reading.head(database, dispute_id)).version == 1


async def test_text_is_kept_byte_for_byte(database: Database) -> None:
    body = '{"z":1.50,"a":"\\u0000\\ud83d 争议 😀 \\"%s\\" \u2028\u202e","n":123456789012345678901234567890}  \n'
    dispute_id = await a_dispute(database)
    await commit(database, a_commit(dispute_id, entries=(an_event(body),)))
    [entry] = await reading.timeline(database, dispute_id, after_entry=1)
    assert entry.body == body


async def test_dead_connections_fail_once(dsn: str) -> None:
    async with Database(dsn, size=4) as database:
        dispute_id = await a_dispute(database)
        await asyncio.gather(*(reading.head(database, dispute_id) for _ in range(20)))
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            # What a restart does to a pool.
            await connection.execute(
                "select pg_terminate_backend(pid, 2000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        with pytest.raises(StoreUnavailable):
            await reading.head(database, dispute_id)
        for _ in range(8):
            assert (await reading.head(database, dispute_id)).version == 1


async def test_a_statement_that_waits_too_long_is_given_up(dsn: str, database: Database) -> None:
    dispute_id = await a_dispute(database)
    async with (
        await psycopg.AsyncConnection.connect(dsn) as holder,
        Database(dsn, statement_timeout=timedelta(milliseconds=100)) as hasty,
    ):
        await holder.execute("select lock_dispute(%s)", [dispute_id])
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await inbox.receive(hasty, a_command(dispute_id), daily_limit=9)
        await holder.rollback()
        assert (await inbox.receive(hasty, a_command(dispute_id), daily_limit=9)).fresh


async def test_no_database() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        dsn = f"postgresql://nobody@127.0.0.1:{deaf.getsockname()[1]}/none"
        with pytest.raises(StoreUnavailable):
            await Database(dsn, statement_timeout=timedelta(milliseconds=200)).open()


async def test_a_frozen_server_keeps_nobody_waiting_for_ever(dsn: str) -> None:
    async with Database(dsn, size=1, statement_timeout=timedelta(milliseconds=300)) as hasty:
        backend = (await hasty.fetch("select pg_backend_pid() as pid", {}))[0]["pid"]
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable) as caught:
                async with asyncio.timeout(30):
                    await hasty.fetch("select 1 as one", {})
        finally:
            os.kill(backend, signal.SIGCONT)
        assert caught.value.perhaps_done
        assert await hasty.fetch("select 1 as one", {}) == [{"one": 1}]
