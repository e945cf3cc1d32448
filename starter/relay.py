"""The relay process, `python -m starter.relay`: what was received is delivered, what is due is sent, come what may."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from gateways.notices import Notices
from gateways.orders import OrderSystem
from starter.connecting import connect
from starter.delivery import Away
from starter.relay_inbox import InboxRelay
from starter.relay_outbox import OutboxRelay
from starter.settings import Settings
from store.database import Database
from store.errors import StoreUnavailable
from store.heartbeat import BEAT_INTERVAL, beat

_IDLE_SECONDS = 0.25
_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)

_log = logging.getLogger("starter.relay")


async def run(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT; what is in flight is finished first.

    PostgreSQL must answer at the start; after that it and Temporal may come and go.

    Raises:
        StoreUnavailable: PostgreSQL does not answer at the start.
    """
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # One line a call is no news, and of an outage we tell once ourselves.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(Database(settings.database_dsn.get_secret_value()))
        orders = await opened.enter_async_context(OrderSystem(settings.world_url))
        notices = await opened.enter_async_context(Notices(settings.world_url))
        commands = InboxRelay(database, await connect(settings, lazy=True), settings)
        messages = OutboxRelay(database, orders, notices)
        await beat(database)
        sys.stderr.write("relay ready\n")
        sys.stderr.flush()
        async with asyncio.TaskGroup() as jobs:
            jobs.create_task(_keep_beating(database, stop))
            jobs.create_task(_repeat("delivering commands", commands.deliver_due, stop))
            jobs.create_task(_repeat("sending messages", messages.send_due, stop))


async def _keep_beating(database: Database, stop: asyncio.Event) -> None:
    async def once() -> int:
        await beat(database)
        return 0

    await _repeat("the heartbeat", once, stop, idle=BEAT_INTERVAL.total_seconds())


async def _repeat(
    what: str, once: Callable[[], Awaitable[int]], stop: asyncio.Event, *, idle: float = _IDLE_SECONDS
) -> None:
    """Do `once` again and again, `idle` seconds apart when it had nothing to do, less and less often while it fails."""
    failures = 0
    while not stop.is_set():
        try:
            done = await once()
        except (StoreUnavailable, Away) as error:
            if failures == 0:
                _log.warning("%s stands still: %s", what, error)
            await _pause(stop, _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
            failures += 1
            continue
        if failures:
            _log.info("%s goes on", what)
            failures = 0
        if not done:
            await _pause(stop, idle)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait until `stop` is set, at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def main() -> int:
    """Relay as the environment says; exit code 0 when told to stop, 1 when PostgreSQL does not answer at the start."""
    try:
        asyncio.run(run(Settings()))
    except StoreUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
