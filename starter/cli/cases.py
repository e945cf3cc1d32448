"""The commands that change a dispute: open, act, clock."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from domain.commands import COMMANDS, Actor, Role
from domain.envelope import Answered
from domain.outlook import View
from domain.refusals import sentence
from starter import clock as clocks
from starter.cli.acting import As, needs_view, read_actor
from starter.cli.fields import BadFields, fields_from_arguments, fields_from_file
from starter.cli.showing import write_views
from starter.cli.speaking import AsJson, InTongue, Tongue, finish, say, write_json
from starter.client import DisputeClient
from starter.connecting import connect
from starter.failures import Unavailable
from starter.intake import read_command, read_dispute_id
from starter.stack_file import find_settings
from store.database import Database
from store.errors import StoreUnavailable

_SPAN = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Key = Annotated[str | None, typer.Option("--key", help="Key of this call: the same key gives the same answer again.")]


def open_disputes(
    file: Annotated[Path, typer.Argument(help="The claim as JSON, - for standard input.")],
    who: As = Role.BUYER.value,
    key: Key = None,
    test_clock: Annotated[bool, typer.Option("--test-clock", help="Time moves by `disputes clock`; sandbox.")] = False,
    as_json: AsJson = False,
    tongue: InTongue = Tongue.ENGLISH,
) -> None:
    """Open a dispute per group of lines in one state, by the order's buyer unless --as says otherwise."""

    async def work() -> list[View]:
        claim = fields_from_file(file)
        async with DisputeClient.connect(find_settings()) as client:
            actor = await client.buyer_of(claim) if who == Role.BUYER else read_actor(who, None)
            return await client.open(claim, actor=actor, key=_chosen(key), test_clock=test_clock)

    views = finish(work(), as_json=as_json, tongue=tongue)
    write_json(views) if as_json else write_views(views)


def act(
    dispute_id: Annotated[str, typer.Argument(metavar="ID")],
    command: Annotated[str, typer.Argument(help=f"One of {', '.join(COMMANDS)}; hyphens will do.")],
    who: As,
    fields: Annotated[list[str] | None, typer.Argument(metavar="[FIELD=VALUE]...")] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="The fields as JSON, - for standard input.")] = None,
    key: Key = None,
    seen_version: Annotated[int | None, typer.Option(help="The dispute's version you looked at.")] = None,
    as_json: AsJson = False,
    tongue: InTongue = Tongue.ENGLISH,
) -> None:
    """Send any command of the protocol, such as: act ID offer --as seller terms.amount.amount_minor=500 …"""

    async def work() -> Answered:
        name = command.replace("-", "_")
        if file is not None and fields:
            raise BadFields("Give the fields as FIELD=VALUE or with -f FILE, not both.")
        model = COMMANDS.get(name)
        given: dict[str, object] = {}
        if file is not None:
            given = fields_from_file(file)
        elif model is not None:
            given = fields_from_arguments(model, fields or [])
        wanted = read_command(name, given)
        async with DisputeClient.connect(find_settings()) as client:
            actor = await _actor(client, dispute_id, who)
            return await client.send(dispute_id, wanted, actor=actor, key=_chosen(key), seen_version=seen_version)

    answered = finish(work(), as_json=as_json, tongue=tongue)
    if as_json:
        write_json(answered)
        return
    say(f"Accepted: {', '.join(answered.events) or 'nothing changed'}; the dispute is at version {answered.version}.")
    if answered.remark is not None:
        say(sentence(answered.remark, tongue.language, answered.detail))


def clock(
    dispute_id: Annotated[str, typer.Argument(metavar="ID")],
    advance: Annotated[str, typer.Option("--advance", metavar="SPAN", help="How far, such as 90s, 30m, 72h or 3d.")],
    as_json: AsJson = False,
) -> None:
    """Move a test clock forward; deadlines on the way fire in order (sandbox only)."""

    async def work() -> dict[str, object]:
        settings, by = find_settings(), _span(advance)
        try:
            async with Database(settings.database_dsn.get_secret_value()) as database:
                temporal = await connect(settings)
                now = await clocks.advance(database, temporal, settings, read_dispute_id(dispute_id), by)
        except StoreUnavailable as error:
            raise Unavailable(str(error)) from error
        return {"dispute_id": dispute_id, "now": now.isoformat().replace("+00:00", "Z")}

    moved = finish(work(), as_json=as_json)
    write_json(moved) if as_json else say(f"It is now {moved['now']} for dispute {dispute_id}.")


async def _actor(client: DisputeClient, dispute_id: str, who: str) -> Actor:
    return read_actor(who, await client.view(dispute_id) if needs_view(who) else None)


def _chosen(key: str | None) -> str:
    """The caller's key, or a new one that is said, so that an unknown outcome can be asked for again."""
    if key is not None:
        return key
    chosen = uuid4().hex
    say(f"key {chosen}")
    return chosen


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise BadFields("Write a span as a number with s, m, h or d, such as 3d.")
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise BadFields("A test clock moves by at most 365 days at once; choose a shorter span.") from None
