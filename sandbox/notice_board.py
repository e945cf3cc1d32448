"""The notice system: what the parties were told."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.messages import receive
from sandbox.problem import read_body, read_clock
from sandbox.shapes import Notice, write_instant
from sandbox.world import Answer, World


def routes(world: World) -> list[Route]:
    """POST /notices."""

    async def post(request: Request) -> Response:
        at = read_clock(request)
        notice = await read_body(request, Notice)

        def act() -> Answer:
            first = receive(world, "notice", notice.notice_id, notice.dispute_id, notice.content(), at)
            return 201 if first.new else 200, {
                "notice_id": notice.notice_id,
                "received_at": write_instant(first.received_at),
            }

        named = {"notice_id": notice.notice_id, "dispute_id": notice.dispute_id}
        return await world.answer(request, "notice", named, act)

    return [Route("/notices", post, methods=["POST"])]
