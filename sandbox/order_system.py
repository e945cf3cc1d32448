"""The order system: orders as they were placed, and what it was told about disputes."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.messages import receive
from sandbox.problem import Problem, read_body, read_clock, read_path, read_query
from sandbox.shapes import Order, OrderEvent, ParcelFacts, PathId, write_instant
from sandbox.world import Answer, World


def add(world: World, order: Order, scans: dict[str, ParcelFacts]) -> bool:
    """Puts the order, its payments and its parcels into the books; False when the same content was there.

    `scans` is what the carrier knows already, by parcel id; the other parcels are labels without a scan.
    Runs inside an effect. Raises Problem 409 when an id belongs to something else.
    """
    content = json.dumps(order.content(), sort_keys=True)
    there = world.sql.execute("select content from orders where order_id = ?", (order.order_id,)).fetchone()
    if there is not None:
        if there["content"] == content:
            return False
        raise Problem(409, "order_exists", f"Order {order.order_id} is in the books with other content.")
    world.sql.execute("insert into orders values (?, ?)", (order.order_id, content))
    for payment in order.payments:
        taken = world.sql.execute(
            "insert into payments values (?, ?, ?, ?, ?) on conflict do nothing",
            (payment.payment_id, order.order_id, order.currency, payment.method, payment.amount_minor),
        )
        if taken.rowcount == 0:
            raise Problem(409, "payment_exists", f"Payment {payment.payment_id} belongs to another order.")
    for parcel in order.parcels:
        facts = scans.get(parcel.parcel_id, ParcelFacts(state="label_created")).content()
        # A story may have told of the parcel before its order came; what was told stands.
        taken = world.sql.execute(
            "insert into parcels values (?, 'out', ?, ?, ?, ?, ?, ?, 0) on conflict (parcel_id, direction)"
            " do update set order_id = excluded.order_id where order_id is null",
            (
                parcel.parcel_id,
                order.order_id,
                facts["state"],
                facts["since"],
                facts["first_scan_at"],
                facts["last_scan_at"],
                facts["delivered_at"],
            ),
        )
        if taken.rowcount == 0:
            raise Problem(409, "parcel_exists", f"Parcel {parcel.parcel_id} belongs to another order.")
    return True


def routes(world: World) -> list[Route]:
    """GET and PUT /orders/{order_id}, GET /orders, POST /order-events."""

    async def show(request: Request) -> Response:
        order_id = read_path(request, "order_id", PathId)
        read_clock(request)

        def act() -> Answer:
            return 200, json.loads(_content(world, order_id))

        return await world.answer(request, "order", {"order_id": order_id}, act)

    async def put(request: Request) -> Response:
        order_id = read_path(request, "order_id", PathId)
        order = await read_body(request, Order)
        if order.order_id != order_id:
            raise Problem(422, "invalid_request", "The order_id of the body is not the one of the path.")
        with world.effect():
            added = add(world, order, {})
        return JSONResponse(order.content(), 201 if added else 200)

    async def page(request: Request) -> Response:
        limit = read_query(request, "limit", Annotated[int, Field(ge=1, le=1000)], 100)
        after = read_query(request, "starting_after", PathId, "")
        found = world.sql.execute(
            "select order_id from orders where order_id > ? order by order_id limit ?", (after, limit + 1)
        ).fetchall()
        return JSONResponse({"data": [row["order_id"] for row in found[:limit]], "has_more": len(found) > limit})

    async def tell(request: Request) -> Response:
        at = read_clock(request)
        event = await read_body(request, OrderEvent)

        def act() -> Answer:
            _content(world, event.order_id)
            first = receive(world, "order_event", event.event_id, event.dispute_id, event.content(), at)
            return 201 if first.new else 200, {
                "event_id": event.event_id,
                "received_at": write_instant(first.received_at),
            }

        named = {"event_id": event.event_id, "order_id": event.order_id, "dispute_id": event.dispute_id}
        return await world.answer(request, "order_event", named, act)

    return [
        Route("/orders", page, methods=["GET"]),
        Route("/orders/{order_id}", show, methods=["GET"]),
        Route("/orders/{order_id}", put, methods=["PUT"]),
        Route("/order-events", tell, methods=["POST"]),
    ]


def _content(world: World, order_id: str) -> str:
    row = world.sql.execute("select content from orders where order_id = ?", (order_id,)).fetchone()
    if row is None:
        raise Problem(404, "order_not_found", f"There is no order {order_id}.")
    return str(row["content"])
