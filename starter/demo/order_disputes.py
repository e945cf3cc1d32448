"""Disputes about orders of a file: opened until there are twenty, run side by side to the end, shown as a table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from domain.outlook import View
from localstack.progress import Progress
from starter.demo.case import TROUBLES, Case
from starter.demo.courses import COURSES
from starter.demo.order_rows import Candidate, OrderFile, choose
from starter.demo.record import Record
from starter.demo.scene import Scene
from starter.demo.teller import words
from starter.demo.voice import Voice, money
from starter.failures import Refused

T = TypeVar("T")
R = TypeVar("R")

WANTED = 20
AT_ONCE = 5
"""Disputes that run side by side; more than two cores can carry only wait for each other."""

_SHOWN_COMPLAINTS = 3
_SHOWN_OF_AN_ID = 12
"""Real order ids have 32 characters; these are enough to find one."""


async def open_disputes(scene: Scene, voice: Voice, orders: OrderFile, name: str) -> list[tuple[Case, Candidate]]:
    """Opens disputes about orders of the file called `name` until there are enough; refused ones are told and replaced.

    Raises ClientError other than refusals, and httpx.HTTPError.
    """
    complaints = scene.complaints()
    known = await scene.order_ids()
    candidates = choose(orders, known)
    voice.say(f"{name}: {len(candidates)} orders to choose from; the choice follows from the file, seed {orders.seed}.")
    if complaints:
        voice.say(f"Rows left out, as they contradict themselves or cannot be read: {len(complaints)}. For example:")
        for complaint in complaints[:_SHOWN_COMPLAINTS]:
            voice.line("", "System", complaint)
    opened: list[tuple[Case, Candidate]] = []
    refused = tried = 0
    while len(opened) < WANTED and tried < len(candidates):
        batch = candidates[tried : tried + WANTED - len(opened)]
        tried += len(batch)
        for candidate, case in zip(batch, await _side_by_side(batch, partial(_open, scene)), strict=True):
            if isinstance(case, Refused):
                refused += 1
                about = f"order {_short(candidate.row.order_id)}, {candidate.reason}"
                voice.line("", "System", f"refuses to open a dispute about {about} ({case.code}): {case}")
            elif isinstance(case, Exception):
                raise case
            else:
                opened.append((case, candidate))
    told = f"Opened: {len(opened)}. Refused, and replaced by the next order: {refused}."
    if len(opened) < WANTED:
        told += f" The file has no more: {WANTED} were wanted."
    voice.say(told)
    return opened


async def run_to_the_end(opened: Sequence[tuple[Case, Candidate]], progress: Progress) -> list[str]:
    """Runs every dispute along its course until it is closed; gives a sentence for each that met trouble."""
    complaints: list[str] = []
    ended = 0

    async def play(one: tuple[Case, Candidate]) -> None:
        nonlocal ended
        case, candidate = one
        try:
            await COURSES[candidate.course](case)
            await case.ended()
        except TROUBLES as error:
            complaints.append(f"Order {candidate.row.order_id}, {candidate.course}: {error}")
        ended += 1
        step.detail(f"{ended} of {len(opened)} ended")

    with progress.step(f"Running {len(opened)} disputes to their end, {AT_ONCE} at a time") as step:
        await _side_by_side(opened, play)
    return complaints


def show(voice: Voice, measured: Sequence[tuple[Candidate, View, Record]]) -> None:
    """The table of what became of each."""
    columns = ("ORDER", "REASON", "ASKED", "PAID BACK", "OUTCOME", "HOW", "DAYS", "EVENTS", "COMMANDS")
    rows = [
        (
            _short(candidate.row.order_id),
            words(candidate.reason),
            money(view.claim.terms.amount),
            money(view.money.refunded),
            words(record.outcome or view.phase),
            str(record.how or "–"),
            f"{record.virtual_days:.1f}",
            str(record.history_events),
            str(record.commands),
        )
        for candidate, view, record in measured
    ]
    voice.table(columns, rows, numbers=("ASKED", "PAID BACK", "DAYS", "EVENTS", "COMMANDS"))


async def _open(scene: Scene, candidate: Candidate) -> Case | Exception:
    try:
        buyer_id = await scene.buyer_of(candidate.row.order_id)
        return await scene.open(f"order_{candidate.course}", candidate.claim, buyer_id)
    except TROUBLES as trouble:
        return trouble


async def _side_by_side(things: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """The results of `work` on each thing, in order, a few at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(thing: T) -> R:
        async with turn:
            return await work(thing)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(thing)) for thing in things]
    return [task.result() for task in tasks]


def _short(order_id: str) -> str:
    return order_id if len(order_id) <= _SHOWN_OF_AN_ID else f"{order_id[:_SHOWN_OF_AN_ID]}…"
