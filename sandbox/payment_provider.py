"""The payment provider: payments and their refunds, each refund once under its key and never above the payment."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.problem import Problem, read_body, read_clock, read_header, read_path, read_query
from sandbox.shapes import Id, PathId, RefundRequest, write_instant
from sandbox.world import Answer, World


def refunds_made(world: World) -> list[dict[str, Any]]:
    """All refunds, oldest first, each with its idempotency key."""
    rows = world.sql.execute("select * from refunds order by seq").fetchall()
    return [{**_refund(row), "idempotency_key": row["idempotency_key"]} for row in rows]


def routes(world: World) -> list[Route]:
    """GET /payments/{payment_id}, POST and GET /refunds."""

    async def payment(request: Request) -> Response:
        row = _payment(world, read_path(request, "payment_id", PathId))
        return JSONResponse({**dict(row), "refunded_minor": _refunded(world, row["payment_id"])})

    async def refund(request: Request) -> Response:
        at = read_clock(request)
        if "idempotency-key" not in request.headers:
            raise Problem(422, "idempotency_key_missing", "Send an Idempotency-Key with a refund.")
        key = read_header(request, "idempotency-key", Id)
        asked = await read_body(request, RefundRequest)
        named = {"payment_id": asked.payment_id, "reference": asked.reference, "idempotency_key": key}
        return await world.answer(request, "refund", named, lambda: (200, _make(world, key, asked, at)))

    async def look_up(request: Request) -> Response:
        read_clock(request)
        key = read_query(request, "idempotency_key", Id)

        def act() -> Answer:
            row = _by_key(world, key)
            if row is None:
                raise Problem(404, "refund_not_found", "No refund was made under this key.")
            return 200, _refund(row)

        return await world.answer(request, "refund_lookup", {"idempotency_key": key}, act)

    return [
        Route("/payments/{payment_id}", payment, methods=["GET"]),
        Route("/refunds", refund, methods=["POST"]),
        Route("/refunds", look_up, methods=["GET"]),
    ]


def _make(world: World, key: str, asked: RefundRequest, at: datetime) -> dict[str, Any]:
    body = asked.content()
    with world.effect() as sql:
        earlier = _by_key(world, key)
        if earlier is not None:
            if any(earlier[field] != value for field, value in body.items()):
                raise Problem(422, "idempotency_key_reused", "This key was used for a refund with another body.")
            return _refund(earlier)
        payment = _payment(world, asked.payment_id)
        if asked.currency != payment["currency"]:
            raise Problem(422, "currency_mismatch", f"The payment was made in {payment['currency']}.")
        left = payment["amount_minor"] - _refunded(world, asked.payment_id)
        if asked.amount_minor > left:
            raise Problem(409, "amount_exceeds_payment", f"Only {left} of the payment can still be refunded.")
        refund_id = "rf-" + hashlib.sha256(key.encode()).hexdigest()[:24]
        sql.execute(
            "insert into refunds (idempotency_key, refund_id, payment_id, amount_minor, currency, reference,"
            " created_at) values (?, ?, ?, ?, ?, ?, ?)",
            (
                key,
                refund_id,
                asked.payment_id,
                asked.amount_minor,
                asked.currency,
                asked.reference,
                write_instant(at),
            ),
        )
    made = _by_key(world, key)
    assert made is not None
    return _refund(made)


def _refund(row: sqlite3.Row) -> dict[str, Any]:
    fields = ("payment_id", "amount_minor", "currency", "reference", "created_at")
    return {"refund_id": row["refund_id"], "status": "settled", **{field: row[field] for field in fields}}


def _by_key(world: World, key: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = world.sql.execute("select * from refunds where idempotency_key = ?", (key,)).fetchone()
    return found


def _payment(world: World, payment_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = world.sql.execute("select * from payments where payment_id = ?", (payment_id,)).fetchone()
    if row is None:
        raise Problem(404, "payment_not_found", f"There is no payment {payment_id}.")
    return row


def _refunded(world: World, payment_id: str) -> int:
    row = world.sql.execute(
        "select coalesce(sum(amount_minor), 0) as minor from refunds where payment_id = ?", (payment_id,)
    ).fetchone()
    return int(row["minor"])
