"""Runs the world: `python -m sandbox [--port N] [--orders FILE] [--no-rebase] [--data DIR]`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from types import FrameType

import uvicorn

from sandbox.app import create_app
from sandbox.order_file import load
from sandbox.world import World


class _Server(uvicorn.Server):
    """Says when it serves, and lets held calls go when it is told to stop."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        port = sockets[0].getsockname()[1]
        _say(f"sandbox world ready on http://127.0.0.1:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._world.let_go()
        await super().shutdown(sockets)


def main() -> int:
    """Serves until SIGTERM or Ctrl-C; exit code 0 then, 1 when it cannot start, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The marketplace's outside world.")
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("SANDBOX_PORT", "0"),
        help="port on 127.0.0.1; 0 takes any free one; default: SANDBOX_PORT, else any",
    )
    parser.add_argument("--orders", type=Path, help="orders to load, .ndjson or .ndjson.gz")
    parser.add_argument(
        "--rebase",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="move the orders' instants to the last days",
    )
    parser.add_argument("--data", type=Path, help="folder of the durable books; default: a new temporary one")
    arguments = parser.parse_args()
    # uvicorn hands a signal on once it has stopped; before it runs, the same handler ends the loading.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)

    # asyncio turns Nagle's delay (40 ms an answer) off only for sockets that say they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", arguments.port))
    except (OSError, OverflowError) as error:
        _say(f"Port {arguments.port} cannot be used ({error}); choose another with --port.")
        return 1
    data = arguments.data or Path(tempfile.mkdtemp(prefix="sandbox-world-"))
    world = World(data)
    try:
        if arguments.orders is not None:
            try:
                taken, complaints = load(world, arguments.orders, rebase=arguments.rebase)
            except OSError as error:
                _say(f"The orders cannot be read ({error}); check --orders.")
                return 1
            for complaint in complaints:
                _say(complaint)
            _say(f"{arguments.orders.name}: {taken} orders taken, {len(complaints)} rows left out")
        config = uvicorn.Config(
            create_app(world),
            http="h11",
            lifespan="off",
            log_level="warning",
            access_log=False,
            # Longer than any client keeps an idle connection, so that it is never closed under a request.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        _Server(config, world).run(sockets=[listener])
    finally:
        world.close()
    return 0


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
