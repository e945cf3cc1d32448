"""Looks at every part the pipeline needs and says what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from alembic.script import ScriptDirectory
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from domain.model import Frozen
from starter.clock import workers_polling
from starter.connecting import connect
from starter.delivery import SEARCH_ATTRIBUTES
from starter.failures import Unavailable
from starter.settings import Settings
from store import migrate as migrating
from store import reading
from store.database import Database
from store.errors import StoreUnavailable
from store.heartbeat import BEAT_INTERVAL
from store.opened import refusals_of_a_day

_MIGRATIONS = Path(migrating.__file__).parent / "migrations"
_RPC_SECONDS = timedelta(seconds=5)
_UNSENT_SECONDS = 300.0


class Finding(Frozen):
    """What was found at one part; `mend` says what to do and is None when nothing is wrong."""

    part: str
    found: str
    mend: str | None = None


async def examine(settings: Settings) -> list[Finding]:
    """Everything that was found, in the order of what depends on what; raises nothing."""
    return [*await _store(settings), *await _temporal(settings), await _world(settings)]


async def _store(settings: Settings) -> list[Finding]:
    try:
        async with Database(settings.database_dsn.get_secret_value(), size=1) as database:
            schema = await _schema(database)
            if schema.mend is not None:
                return [Finding(part="PostgreSQL", found="answers"), schema]
            return [Finding(part="PostgreSQL", found="answers"), schema, *await _backlog(database)]
    except StoreUnavailable as error:
        return [Finding(part="PostgreSQL", found=str(error), mend="Start it, or set DISPUTES_DATABASE_DSN right.")]


async def _schema(database: Database) -> Finding:
    wanted = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    tables = await database.fetch("select to_regclass('alembic_version') is not null as there", {})
    rows = await database.fetch("select version_num from alembic_version", {}) if tables[0]["there"] else []
    found = rows[0]["version_num"] if rows else "none"
    mend = None if found == wanted else f"It should be {wanted}: run `disputes migrate`."
    return Finding(part="schema", found=f"revision {found}", mend=mend)


async def _backlog(database: Database) -> list[Finding]:
    backlog = await reading.backlog(database)
    age = None if backlog.last_beat_at is None else (datetime.now(UTC) - backlog.last_beat_at).total_seconds()
    silent = age is None or age > 2 * BEAT_INTERVAL.total_seconds()
    unsent = backlog.oldest_due_message_seconds or 0.0
    lost = await reading.undeliverable(database, limit=3)
    refused = await refusals_of_a_day(database)
    examples = "; ".join(f"{row.name} of {row.dispute_id}: {row.reason}" for row in lost)
    return [
        Finding(
            part="relay",
            found="never seen" if age is None else f"last seen {age:.0f} s ago",
            mend="Start it with `disputes relay`." if silent else None,
        ),
        Finding(
            part="inbox",
            found=f"{backlog.unacknowledged} to deliver, {backlog.undeliverable} undeliverable",
            mend=f"Have a developer look at these: {examples}." if lost else None,
        ),
        Finding(
            part="outbox",
            found=f"{backlog.due_messages} to send, the oldest for {unsent:.0f} s",
            mend="See the relay's log for why they are not taken." if unsent > _UNSENT_SECONDS else None,
        ),
        Finding(
            part="openings",
            found="none refused in 24 h"
            if not refused
            else f"refused in 24 h: {', '.join(f'{code} {times}' for code, times in refused.items())}",
        ),
    ]


async def _temporal(settings: Settings) -> list[Finding]:
    try:
        client = await connect(settings)
    except Unavailable as error:
        return [Finding(part="Temporal", found="does not answer", mend=str(error))]
    return [
        Finding(part="Temporal", found=f"answers at {settings.temporal_address}"),
        await _asked("namespace", _namespace, client, settings),
        await _asked("search attributes", _search_attributes, client, settings),
        await _asked("workers", _workers, client, settings),
    ]


async def _asked(
    part: str, ask: Callable[[Client, Settings], Awaitable[Finding]], client: Client, settings: Settings
) -> Finding:
    try:
        return await ask(client, settings)
    except RPCError as error:
        return Finding(
            part=part,
            found=f"Temporal answered {error.status.name.lower()}",
            mend=f"Register the namespace {settings.temporal_namespace}, or set DISPUTES_TEMPORAL_NAMESPACE right.",
        )


async def _namespace(client: Client, settings: Settings) -> Finding:
    await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=settings.temporal_namespace), timeout=_RPC_SECONDS
    )
    return Finding(part="namespace", found=f"{settings.temporal_namespace} is registered")


async def _search_attributes(client: Client, settings: Settings) -> Finding:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=settings.temporal_namespace), timeout=_RPC_SECONDS
    )
    missing = [name for name in SEARCH_ATTRIBUTES if name not in listed.custom_attributes]
    if missing:
        return Finding(
            part="search attributes",
            found=f"{', '.join(missing)} missing",
            mend="Create them as keywords: `temporal operator search-attribute create --type Keyword --name …`.",
        )
    return Finding(part="search attributes", found="all there")


async def _workers(client: Client, settings: Settings) -> Finding:
    polling = await workers_polling(client, settings.task_queue)
    return Finding(
        part="workers",
        found=f"{polling} on {settings.task_queue}",
        mend=None if polling else "Start one with `disputes worker`.",
    )


async def _world(settings: Settings) -> Finding:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            status = (await http.get(f"{settings.world_url}/healthz")).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Finding(
            part="outside systems",
            found=f"no answer ({type(error).__name__})",
            mend=f"Start what should answer at {settings.world_url}, or set DISPUTES_WORLD_URL right.",
        )
    return Finding(
        part="outside systems",
        found=f"answered {status}",
        mend=None if status == 200 else f"See the log of what answers at {settings.world_url}.",
    )
