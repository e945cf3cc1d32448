"""What every story is made of: the usual acts, the way to a proposal, and silence that is foretold and then kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.commands import Actor, Role
from domain.dispute import Dispute, Phase
from domain.envelope import Answered
from domain.events import EVENT, Event
from domain.forecast import ComingDeadline, Forecast
from starter.failures import Refused
from starter.reading import Told
from tests.stage import ARBITER, Case

REASONS = "The photographs show a scratch on one of both sides, and no more than that."

_SOON_AFTER = timedelta(seconds=1)
_REPORTED = {"execution.leg-settled", "execution.leg-stuck", "execution.all-legs-settled"}


def cny(minor: int) -> dict[str, object]:
    """Money as a caller writes it."""
    return {"amount_minor": minor, "currency": "CNY"}


def photo(number: int) -> dict[str, object]:
    """One piece of evidence by reference."""
    return {"kind": "photo", "sha256": f"{number:064x}"}


async def offer(case: Case, by: Actor, minor: int) -> Answered:
    return await case.act("offer", by, terms={"amount": cny(minor)})


async def refuse(case: Case) -> Answered:
    return await case.act("answer", case.seller, verdict="refuse", reason="It left us intact.")


async def to_review(case: Case) -> None:
    """The seller refuses, the buyer complains, the seller answers: nobody has been silent."""
    await refuse(case)
    await case.act("complain", case.buyer, statement="It came damaged.")
    await case.act("answer_complaint", case.seller, statement="It did not.")


async def decide(case: Case, minor: int, by: Actor = ARBITER) -> Answered:
    """Decides on everything the file holds now."""
    return await case.act("decide", by, **ruling(minor, (await case.now()).evidence_version))


def ruling(minor: int, evidence_version: int) -> dict[str, object]:
    """The fields of a decision for the buyer, in fen."""
    return {
        "amount": cny(minor),
        "liable": "seller",
        "reason_code": "partly_faulty",
        "reasons": REASONS,
        "evidence_version": evidence_version,
    }


async def to_proposal(case: Case, minor: int = 7_000) -> None:
    await to_review(case)
    await case.act("take", ARBITER)
    await decide(case, minor)


async def reject(case: Case, by: Actor) -> Answered:
    return await case.act(
        "reject", by, proposal_id="p1", ground="new_evidence", statement="Look again.", items=[photo(1)]
    )


async def refusal_of(act: Awaitable[Answered]) -> Refused:
    """The refusal an act meets; an act that is accepted fails the story."""
    try:
        answered = await act
    except Refused as refused:
        return refused
    raise AssertionError(f"accepted with {answered.events}")


async def code_of(act: Awaitable[Answered]) -> str:
    return (await refusal_of(act)).code.value


async def keep_silent(case: Case, until: str | None = None) -> Forecast:
    """Nobody acts until the clock `until` has run out (None: the last one there is); gives what was foretold.

    The forecast is taken before, and everything that came of the silence must be what it said.
    """
    foretold = await case.stage.client.forecast(case.id)
    coming = list(foretold.deadlines)
    if until is not None:
        last = next(place for place, deadline in enumerate(coming) if deadline.waiting_for == until)
        # Clocks that run out at one instant do so together.
        coming = [deadline for deadline in coming if deadline.at <= coming[last].at]
    await case.skip(coming[-1].at - foretold.as_of + _SOON_AFTER)
    dispute = await eventually(case, lambda dispute: _lapsed(dispute, coming[-1]))
    _check_came(await lapses(case, after=foretold.version), coming)
    if until is None and foretold.outcome is not None:
        assert foretold.closes_at is not None
        await case.handle.result()
        dispute = await case.now()
        paid = dispute.settlement.amount if dispute.settlement else None
        assert (dispute.outcome, dispute.how) == (foretold.outcome, foretold.how)
        assert foretold.amount == paid or (paid is None and foretold.amount and not foretold.amount.amount_minor)
        assert dispute.closed_at is not None
        assert timedelta(0) <= dispute.closed_at - foretold.closes_at < timedelta(minutes=1)
    return foretold


def _lapsed(dispute: Dispute, last: ComingDeadline) -> bool:
    wait = dispute.wait(last.waiting_for)
    return wait is None or wait.until > last.at


def _check_came(came: list[Event], coming: list[ComingDeadline]) -> None:
    assert [event.rule for event in came] == [deadline.rule for deadline in coming]
    for event, deadline in zip(came, coming, strict=True):
        # The worker needs its moment; before the deadline nothing may lapse.
        assert timedelta(0) <= event.at - deadline.at < timedelta(seconds=10), f"{event.rule} at {event.at}"


async def lapses(case: Case, after: int = 1) -> list[Event]:
    """What silence did after version `after`: the system's own moves, without what the outside reported."""
    return [
        event
        for event in await happened(case, after)
        if event.by.role is Role.SYSTEM and event.rule not in _REPORTED and not event.rule.endswith(".facts")
    ]


async def happened(case: Case, after: int = 0) -> list[Event]:
    """The events of the timeline, oldest first."""
    told = await case.stage.client.timeline(case.id)
    bodies = [entry.body for entry in told if entry.version is not None and entry.version > after]
    return [EVENT.validate_python(body) for body in bodies]


async def refusals(case: Case) -> list[Told]:
    """The refusals on the timeline."""
    return [entry for entry in await case.stage.client.timeline(case.id) if entry.kind == "refusal"]


async def eventually(case: Case, condition: Callable[[Dispute], bool], seconds: float = 20) -> Dispute:
    """The dispute as soon as `condition` holds of it; fails after `seconds`."""
    dispute = await case.now()
    try:
        async with asyncio.timeout(seconds):
            while not condition(dispute):
                await asyncio.sleep(0.02)
                dispute = await case.now()
    except TimeoutError:
        raise AssertionError(f"still {dispute.phase} at version {dispute.version} after {seconds} s") from None
    return dispute


async def closed(case: Case) -> Dispute:
    """The dispute once its workflow has ended."""
    async with asyncio.timeout(30):
        await case.handle.result()
    dispute = await case.now()
    assert dispute.phase is Phase.CLOSED
    return dispute


async def refunds(case: Case) -> list[tuple[str, int]]:
    """What the provider's books hold for this dispute: (reference, amount in minor units)."""
    books = (await case.stage.world.get("/books", params={"dispute_id": str(case.id)})).raise_for_status().json()
    return [(refund["reference"].removeprefix(f"{case.id}:"), refund["amount_minor"]) for refund in books["refunds"]]
