"""The world behind all its systems: the durable books, the fault script, and how one call is answered."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.problem import Problem
from sandbox.script import Entry, Kind, Script
from sandbox.shapes import read_instant, write_instant

_HOLD_SECONDS = 60.0
_HALF_A_DOCUMENT = b'{"status": "settled", "amount_minor": 1'

Answer = tuple[int, dict[str, Any]]

_SCHEMA = """
create table if not exists world (epoch text not null);
create table if not exists orders (order_id text primary key, content text not null);
create table if not exists payments (
    payment_id text primary key, order_id text not null, currency text not null, method text not null,
    amount_minor integer not null
);
create table if not exists parcels (
    parcel_id text not null, direction text not null, order_id text, state text not null,
    since text, first_scan_at text, last_scan_at text, delivered_at text, told integer not null,
    primary key (parcel_id, direction)
);
create table if not exists refunds (
    seq integer primary key, idempotency_key text not null unique, refund_id text not null,
    payment_id text not null, amount_minor integer not null, currency text not null,
    reference text not null, created_at text not null
);
create index if not exists refunds_of_payment on refunds (payment_id);
create table if not exists messages (
    seq integer primary key, kind text not null, id text not null, dispute_id text not null,
    content text not null, received_at text not null, unique (kind, id)
);
"""


class World:
    """One world on one data folder.

    Handlers run on one event loop and touch the books without awaiting in between, and every effect is one
    SQLite transaction with synchronous=FULL: what was answered survives kill -9.
    """

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.sql = sqlite3.connect(data / "world.sqlite3", isolation_level=None)
        self.sql.row_factory = sqlite3.Row
        self.sql.execute("pragma journal_mode = wal")
        self.sql.execute("pragma synchronous = full")
        self.sql.executescript(_SCHEMA)
        self.epoch = self._epoch()
        self.script = Script()
        self.calls: Counter[str] = Counter()
        self._closing = asyncio.Event()

    def _epoch(self) -> datetime:
        with self.effect():
            row = self.sql.execute("select epoch from world").fetchone()
            if row is None:
                epoch = datetime.now(UTC).replace(microsecond=0)
                self.sql.execute("insert into world values (?)", (write_instant(epoch),))
                return epoch
        return read_instant(row["epoch"])

    @contextmanager
    def effect(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on disk when left normally, undone when left by an exception."""
        self.sql.execute("begin immediate")
        try:
            yield self.sql
        except BaseException:
            self.sql.execute("rollback")
            raise
        self.sql.execute("commit")

    def close(self) -> None:
        self.sql.close()

    def let_go(self) -> None:
        """Ends every held or late call now, so that the process can stop."""
        self._closing.set()

    async def answer(
        self, request: Request, kind: Kind, named: Mapping[str, str], act: Callable[[], Answer]
    ) -> Response:
        """Counts a well-formed call, takes the fault scripted for it, and answers with what `act` does."""
        self.calls[kind] += 1
        entry = self.script.take(kind, named)
        if entry is None:
            status, document = act()
            return JSONResponse(document, status)
        return await self._fail(request, entry, act)

    async def _fail(self, request: Request, entry: Entry, act: Callable[[], Answer]) -> Response:
        internal_error = Problem(500, "internal_error", "A scripted fault.")
        match entry.fault:
            case "timeout_before":
                return await self._hold(request)
            case "error_500":
                raise internal_error
            case "rate_limited":
                detail = "Too many calls; come back after Retry-After seconds."
                raise Problem(429, "rate_limited", detail, headers={"Retry-After": "1"})
        try:
            status, document = act()
        except Problem as refusal:
            status, document, response = refusal.status, {}, refusal.response()
        else:
            response = JSONResponse(document, status)
        match entry.fault:
            case "timeout_after":
                return await self._hold(request)
            case "error_500_after":
                raise internal_error
            case "garbage":
                return Response(_HALF_A_DOCUMENT, media_type="application/json")
            case "other_amount" if "amount_minor" in document:
                return JSONResponse({**document, "amount_minor": document["amount_minor"] + 1}, status)
            case "late":
                await self._wait(request, entry.delay_seconds or 0)
        return response

    async def _hold(self, request: Request) -> Response:
        await self._wait(request, _HOLD_SECONDS)
        return Problem(504, "held", "A scripted fault: this call gets no answer.").response()

    async def _wait(self, request: Request, seconds: float) -> None:
        """Returns when `seconds` have passed, the client has gone, or the world is stopping."""
        waits = [asyncio.create_task(_gone(request)), asyncio.create_task(self._closing.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def _gone(request: Request) -> bool:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return True
