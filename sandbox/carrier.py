"""The carrier: where a parcel is as of the instant it is asked, in both directions."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.problem import read_body, read_clock, read_path, read_query
from sandbox.shapes import ParcelFacts, PathId, write_instant
from sandbox.world import Answer, World

_SELECT = (
    "select state, since, first_scan_at, last_scan_at, delivered_at from parcels where parcel_id = ? and direction = ?"
)


def as_of(facts: ParcelFacts, at: datetime) -> dict[str, Any]:
    """The facts without what lies after `at`; unknown and lost hold from their `since`."""
    scanned = facts.first_scan_at if facts.first_scan_at and facts.first_scan_at <= at else None
    delivered = facts.delivered_at if facts.delivered_at and facts.delivered_at <= at else None
    scans = [facts.first_scan_at, facts.last_scan_at, facts.delivered_at]
    moved = max((scan for scan in scans if scan is not None and scan <= at), default=None)
    since = facts.since if facts.since and facts.since <= at else None
    if since is not None:
        state: str = facts.state
    elif delivered is not None:
        state = "delivered"
    else:
        state = "label_created" if scanned is None else "in_transit"
    return {
        "state": state,
        "since": since and write_instant(since),
        "first_scan_at": scanned and write_instant(scanned),
        "last_scan_at": moved and write_instant(moved),
        "delivered_at": delivered and write_instant(delivered),
        "as_of": write_instant(at),
    }


def told_parcels(world: World) -> list[dict[str, Any]]:
    """The parcels set by PUT, as they were set, in the order they were first set."""
    rows = world.sql.execute(
        "select parcel_id, direction, state, since, first_scan_at, last_scan_at, delivered_at from parcels"
        " where told > 0 order by told"
    )
    return [dict(row) for row in rows]


def routes(world: World) -> list[Route]:
    """GET and PUT /parcels/{parcel_id}."""

    async def show(request: Request) -> Response:
        at = read_clock(request)
        parcel_id = read_path(request, "parcel_id", PathId)
        direction = read_query(request, "direction", Literal["out", "back"], "out")

        def act() -> Answer:
            row = world.sql.execute(_SELECT, (parcel_id, direction)).fetchone()
            return 200, {"parcel_id": parcel_id, "direction": direction, **_told(row, direction, at)}

        return await world.answer(request, "parcel", {"parcel_id": parcel_id, "direction": direction}, act)

    async def put(request: Request) -> Response:
        at = read_clock(request)
        parcel_id = read_path(request, "parcel_id", PathId)
        facts = await read_body(request, ParcelFacts)
        if facts.state in ("unknown", "lost") and facts.since is None:
            facts = facts.model_copy(update={"since": at})
        known = facts.content()
        with world.effect() as sql:
            sql.execute(
                "insert into parcels values (?, ?, null, ?, ?, ?, ?, ?, (select max(told) + 1 from"
                " (select told from parcels union all select 0)))"
                " on conflict (parcel_id, direction) do update set state = excluded.state,"
                " since = excluded.since, first_scan_at = excluded.first_scan_at, last_scan_at = excluded.last_scan_at,"
                " delivered_at = excluded.delivered_at, told = case told when 0 then excluded.told else told end",
                (
                    parcel_id,
                    facts.direction,
                    known["state"],
                    known["since"],
                    known["first_scan_at"],
                    known["last_scan_at"],
                    known["delivered_at"],
                ),
            )
        return JSONResponse({"parcel_id": parcel_id, "direction": facts.direction, **as_of(facts, at)})

    return [
        Route("/parcels/{parcel_id}", show, methods=["GET"]),
        Route("/parcels/{parcel_id}", put, methods=["PUT"]),
    ]


def _told(row: sqlite3.Row | None, direction: str, at: datetime) -> dict[str, Any]:
    if row is not None:
        return as_of(ParcelFacts.model_validate({"direction": direction, **dict(row)}), at)
    nothing = dict.fromkeys(("since", "first_scan_at", "last_scan_at", "delivered_at"))
    return {"state": "unknown", **nothing, "as_of": write_instant(at)}
