"""After the faults: waiting until everything received is answered, and asking again what nobody was told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from uuid import UUID

import psycopg

from starter.client import DisputeClient
from tests.torture.asking import Asking
from tests.torture.plan import Wanted
from tests.torture.recorder import OPEN_QUESTIONS, Call, Recorder

DRAIN_SECONDS = 300.0
"""A row that failed often is leased for up to a minute at a time, so the last ones take a few minutes."""

TRIES = 20

OPEN_WORK = """
select (select count(*) from inbox where acknowledged_at is null) as unacknowledged,
       (select count(*) from inbox where answered_at is null) as unanswered,
       (select count(*) from disputes where phase = 'execution') as executing,
       (select count(*) from outbox
         where sent_at is null and voided_at is null and due_at < clock_timestamp() - interval '5 s') as unsent
"""


class NotDrained(Exception):
    """Something is still open long after the last fault; the message says what."""


async def drained(dsn: str, say: Callable[[str], None], *, within: float = DRAIN_SECONDS) -> float:
    """Waits until nothing received is open, no money is moving and nothing due is unsent; gives the seconds it took.

    Raises:
        NotDrained: not within so many seconds.
    """
    began = time.monotonic()
    said = 0.0
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            row = await (await connection.execute(OPEN_WORK)).fetchone()
            assert row is not None
            passed = time.monotonic() - began
            if not any(row):
                return passed
            left = "{} unacknowledged, {} unanswered, {} executing, {} unsent".format(*row)
            if passed > within:
                raise NotDrained(f"After {within:.0f} s without faults there are still {left}.")
            if passed - said >= 5:
                said = passed
                say(f"draining for {passed:.0f} s: {left}")
            await asyncio.sleep(0.25)


async def ask_again(client: DisputeClient, recorder: Recorder, calls: Iterable[Call]) -> int:
    """Asks every open question once more under its key until there is an answer; gives how many there were."""
    asking = Asking(client, recorder)
    places = asyncio.Semaphore(8)
    # A call that was repeated by its sender is one question.
    questions = {
        (call.dispute_id, call.actor, call.key, call.name, str(call.fields)): call
        for call in calls
        if call.outcome in OPEN_QUESTIONS
    }

    async def one(call: Call) -> None:
        async with places:
            for _ in range(TRIES):
                if call.dispute_id is None:
                    if await asking.open(call.actor, call.key, call.fields):
                        return
                elif (
                    await asking.send(UUID(call.dispute_id), Wanted(call.actor, call.name, call.fields), call.key)
                    not in OPEN_QUESTIONS
                ):
                    return
                await asyncio.sleep(0.2)
            unanswered.append(f"the {call.name} of {call.actor.id} to {call.dispute_id} under {call.key}")

    unanswered: list[str] = []
    await asyncio.gather(*(one(call) for call in questions.values()))
    if unanswered:
        raise NotDrained(f"No answer in {TRIES} tries: {', '.join(unanswered[:20])}.")
    return len(questions)
