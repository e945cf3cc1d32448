"""The world as one HTTP application."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import carrier, notice_board, order_system, payment_provider
from sandbox.messages import received
from sandbox.problem import Problem, crashed, read_body, read_query, refused
from sandbox.script import Calls
from sandbox.shapes import Id
from sandbox.world import World


def create_app(world: World) -> Starlette:
    """All systems of `world`, its books and its script behind one address."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def books(request: Request) -> Response:
        dispute_id = read_query(request, "dispute_id", Id, "")
        reference = read_query(request, "reference", Id, "")
        return JSONResponse(_books(world, dispute_id, reference))

    async def script(_request: Request) -> Response:
        return JSONResponse(world.script.content())

    async def set_script(request: Request) -> Response:
        world.script.replace(await read_body(request, Calls))
        return JSONResponse(world.script.content())

    return Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/books", books, methods=["GET"]),
            Route("/script", script, methods=["GET"]),
            Route("/script", set_script, methods=["PUT"]),
            *order_system.routes(world),
            *carrier.routes(world),
            *payment_provider.routes(world),
            *notice_board.routes(world),
        ],
        exception_handlers={Problem: refused, HTTPException: refused, Exception: crashed},
    )


def _books(world: World, dispute_id: str, reference: str) -> dict[str, Any]:
    refunds = payment_provider.refunds_made(world)
    notices, order_events = received(world, "notice"), received(world, "order_event")
    parcels = carrier.told_parcels(world)
    if dispute_id:
        refunds = [
            refund
            for refund in refunds
            if refund["reference"] == dispute_id or refund["reference"].startswith(f"{dispute_id}:")
        ]
        notices = [notice for notice in notices if notice["dispute_id"] == dispute_id]
        order_events = [event for event in order_events if event["dispute_id"] == dispute_id]
        parcels = []
    if reference:
        refunds = [refund for refund in refunds if refund["reference"] == reference]
        notices, order_events, parcels = [], [], []
    return {
        "refunds": refunds,
        "notices": notices,
        "order_events": order_events,
        "parcels": parcels,
        "calls": dict(world.calls),
    }
