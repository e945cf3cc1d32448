"""The commands that show a dispute: list, show, timeline, forecast, allowed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from domain.commands import Actor
from domain.forecast import Forecast
from domain.money import Money
from domain.outlook import View
from starter.cli.acting import needs_view, read_actor
from starter.cli.speaking import AsJson, InTongue, Tongue, finish, say, write_json, write_table
from starter.client import Actions, DisputeClient
from starter.delivery import history_page
from starter.reading import Told
from starter.stack_file import find_settings
from starter.texts import amount_text
from store.reading import Page

DisputeId = Annotated[str, typer.Argument(metavar="ID")]
AsReader = Annotated[
    str | None,
    typer.Option("--as", metavar="ROLE[:ID]", help="Who looks; without it everything is shown, as to an operator."),
]


def list_disputes(
    phase: str | None = None,
    reason: str | None = None,
    seller: str | None = None,
    buyer: str | None = None,
    arbiter: str | None = None,
    order: str | None = None,
    due_before: Annotated[str | None, typer.Option(metavar="INSTANT", help="RFC 3339 with a zone.")] = None,
    needs_attention: Annotated[bool | None, typer.Option("--needs-attention/--no-attention")] = None,
    limit: int = 20,
    starting_after: Annotated[str | None, typer.Option(metavar="ID", help="The last id of the page before.")] = None,
    as_json: AsJson = False,
) -> None:
    """List disputes, newest first."""
    filters = {
        "phase": phase,
        "reason": reason,
        "seller_id": seller,
        "buyer_id": buyer,
        "arbiter_id": arbiter,
        "order_id": order,
        "due_before": due_before,
        "needs_attention": needs_attention,
    }

    async def work() -> Page:
        async with DisputeClient.connect(find_settings()) as client:
            return await client.list(filters, limit=limit, starting_after=starting_after)

    page = finish(work(), as_json=as_json)
    if as_json:
        write_json({"data": [one.model_dump(mode="json") for one in page.disputes], "has_more": page.has_more})
        return
    write_table(
        ("ID", "PHASE", "REASON", "AMOUNT", "TURN", "WAITING FOR", "UNTIL", "OUTCOME"),
        [
            (
                one.dispute_id,
                one.phase,
                one.reason,
                _money(Money(amount_minor=one.amount_minor, currency=one.currency)),
                one.whose_turn,
                one.waiting_for,
                _instant(one.due_at),
                one.outcome,
            )
            for one in page.disputes
        ],
    )
    if page.has_more:
        say(f"There are more: add --starting-after {page.disputes[-1].dispute_id}.")


def show(dispute_id: DisputeId, who: AsReader = None, as_json: AsJson = False) -> None:
    """Show a dispute."""

    async def work() -> View:
        async with DisputeClient.connect(find_settings()) as client:
            return await client.view(dispute_id, actor=await _reader(client, dispute_id, who))

    view = finish(work(), as_json=as_json)
    write_json(view) if as_json else write_views([view])


def timeline(dispute_id: DisputeId, who: AsReader = None, as_json: AsJson = False) -> None:
    """Show everything on a dispute's timeline, refusals too."""

    async def work() -> list[Told]:
        async with DisputeClient.connect(find_settings()) as client:
            return await client.timeline(dispute_id, actor=await _reader(client, dispute_id, who))

    entries = finish(work(), as_json=as_json)
    if as_json:
        write_json(entries)
        return
    write_table(
        ("ENTRY", "VERSION", "AT", "BY", "WHAT", "RULE"),
        [(one.entry, one.version, one.body.get("at"), _who(one), _what(one), one.body.get("rule")) for one in entries],
    )


def forecast(dispute_id: DisputeId, who: AsReader = None, as_json: AsJson = False) -> None:
    """Show every coming deadline and the outcome if nobody acts."""

    async def work() -> Forecast:
        async with DisputeClient.connect(find_settings()) as client:
            return await client.forecast(dispute_id, actor=await _reader(client, dispute_id, who))

    coming = finish(work(), as_json=as_json)
    if as_json:
        write_json(coming)
        return
    write_table(
        ("AT", "WAITING FOR", "OF", "SILENCE MEANS", "THEN"),
        [
            (_instant(one.at), one.waiting_for, ", ".join(one.actors), one.on_silence, one.phase)
            for one in coming.deadlines
        ],
    )
    if coming.outcome is None:
        say("If nobody acts, the dispute stays open until somebody looks.")
    else:
        amount = f", {_money(coming.amount)} for the buyer" if coming.amount is not None else ""
        say(f"If nobody acts: {coming.outcome} by {coming.how}{amount}, closed {_instant(coming.closes_at)}.")


def allowed(
    dispute_id: DisputeId,
    who: Annotated[str, typer.Option("--as", envvar="DISPUTES_AS", metavar="ROLE[:ID]", help="Who would act.")],
    as_json: AsJson = False,
    tongue: InTongue = Tongue.ENGLISH,
) -> None:
    """Show what somebody may do now, and why the rest is refused."""

    async def work() -> Actions:
        async with DisputeClient.connect(find_settings()) as client:
            view = await client.view(dispute_id) if needs_view(who) else None
            return await client.allowed(dispute_id, actor=read_actor(who, view))

    actions = finish(work(), as_json=as_json, tongue=tongue)
    if as_json:
        write_json(actions)
        return
    write_table(
        ("COMMAND", "MAY", "UNTIL", "WHY NOT"),
        [(one.command, "yes", _instant(one.until), None) for one in actions.allowed]
        + [(one.command, "no", _instant(one.until), one.why[tongue.language]) for one in actions.refused],
    )


def write_views(views: Sequence[View]) -> None:
    """Each dispute as a small table of what matters about it, with the page of its history where there is one."""
    settings = find_settings()
    for view in views:
        rows: list[tuple[str, object]] = [
            ("id", view.id),
            ("phase", view.phase if view.outcome is None else f"{view.phase}: {view.outcome}"),
            ("reason", view.reason),
            ("order", view.order.order_id),
            ("buyer", view.parties.buyer_id),
            ("seller", view.parties.seller_id),
            ("disputed", _money(view.money.disputed)),
            ("asked", _money(view.money.asked) if view.money.asked is not None else None),
            ("settled", _money(view.money.settled) if view.money.settled is not None else None),
            ("refunded", _money(view.money.refunded)),
            ("turn", ", ".join(view.whose_turn)),
            ("version", view.version),
            ("evidence version", view.evidence_version),
            ("opened", _instant(view.opened_at)),
            ("closed", _instant(view.closed_at)),
            ("history", history_page(settings, UUID(str(view.id)))),
        ]
        rows += [
            (f"until {_instant(one.at)}", f"{one.waiting_for}; silence: {one.on_silence}") for one in view.deadlines
        ]
        rows += [
            (f"offer {one.offer_id}", f"{one.by}: {_money(one.terms.amount)} ({one.state})") for one in view.offers
        ]
        if view.proposal is not None:
            rows.append((f"proposal {view.proposal.proposal_id}", _money(view.proposal.resolution.amount)))
        write_table(("DISPUTE", ""), [row for row in rows if row[1] is not None])


async def _reader(client: DisputeClient, dispute_id: str, who: str | None) -> Actor | None:
    if who is None:
        return None
    return read_actor(who, await client.view(dispute_id) if needs_view(who) else None)


def _money(money: Money) -> str:
    return amount_text(money, "en")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.strftime("%Y-%m-%d %H:%M:%SZ")


def _who(entry: Told) -> str:
    by = entry.body.get("by")
    return f"{by.get('role')}:{by.get('id')}" if isinstance(by, dict) else ""


def _what(entry: Told) -> str:
    if entry.kind == "refusal":
        return f"refused {entry.body.get('name')}: {entry.body.get('code')}"
    return str(entry.body.get("type", entry.kind))
