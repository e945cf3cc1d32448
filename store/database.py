"""The one way to PostgreSQL: a small pool, one statement a call, and faults with a name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from store.errors import StoreUnavailable

_dumps = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


class Database:
    """A pool of autocommitting connections; every call is one statement and one transaction.

    Args:
        dsn: a PostgreSQL connection string.
        size: connections kept; about as many as the process runs local activities or requests at once.
        statement_timeout: how long one statement may take before PostgreSQL cancels it.
    """

    def __init__(self, dsn: str, *, size: int = 8, statement_timeout: timedelta = timedelta(seconds=2)) -> None:
        milliseconds = int(statement_timeout.total_seconds() * 1000)
        self._pool: AsyncConnectionPool[AsyncConnection[dict[str, Any]]] = AsyncConnectionPool(
            dsn,
            min_size=min(2, size),
            max_size=size,
            timeout=statement_timeout.total_seconds(),
            open=False,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 5,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                # The functions take a lock and then read: only read committed shows them what was committed
                # while they waited.
                "options": f"-c statement_timeout={milliseconds} -c timezone=UTC "
                r"-c default_transaction_isolation=read\ committed",
            },
        )
        self._checking = False
        self._patience = 2 * statement_timeout.total_seconds() + 0.1

    async def open(self) -> None:
        """Connect.

        Raises:
            StoreUnavailable: no connection within the pool's timeout.
        """
        try:
            await self._pool.open(wait=True, timeout=self._pool.timeout)
        except psycopg.OperationalError as error:
            await self._pool.close()
            raise StoreUnavailable(_reason(error)) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(self, function: LiteralString, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call one of the database's functions: a JSON object in, a JSON object out.

        Raises:
            ValueError: a string holds a character that PostgreSQL can't store.
            StoreUnavailable: no answer; `perhaps_done` says whether it may have been committed.
        """
        refuse_unstorable(request)
        rows = await self._run(
            sql.SQL("select {}(%s) as answer").format(sql.Identifier(function)),
            [Jsonb(request, dumps=_dumps)],
        )
        answer = rows[0]["answer"]
        assert isinstance(answer, dict)
        return answer

    async def fetch(self, query: LiteralString | sql.Composed, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run one statement that returns rows.

        Raises:
            ValueError: a string holds a character that PostgreSQL can't store.
            StoreUnavailable: no answer; `perhaps_done` says whether it may have been committed.
        """
        refuse_unstorable(parameters)
        return await self._run(sql.SQL(query) if isinstance(query, str) else query, parameters)

    async def _run(
        self, query: sql.SQL | sql.Composed, parameters: Mapping[str, Any] | list[Any]
    ) -> list[dict[str, Any]]:
        sent = False
        try:
            # The server bounds a statement; only we can bound a server that is frozen or cut off.
            async with asyncio.timeout(self._patience), self._pool.connection() as connection:
                sent = True
                cursor = await connection.execute(query, parameters)
                return await cursor.fetchall()
        except TimeoutError as error:
            raise StoreUnavailable("no answer in time", perhaps_done=sent) from error
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction) as error:
            # After a restart every pooled connection is dead and would fail one caller each.
            if error.sqlstate is None or error.sqlstate.startswith(("08", "57P", "25006")):
                await self._drop_dead_connections()
            # An error with a code of its own was told by the server, which then rolled back.
            broken = error.sqlstate is None or error.sqlstate.startswith("57P")
            raise StoreUnavailable(_reason(error), perhaps_done=sent and broken) from error

    async def _drop_dead_connections(self) -> None:
        if self._checking:
            return
        self._checking = True
        try:
            await self._pool.check()
        finally:
            self._checking = False


def refuse_unstorable(value: object, path: str = "") -> None:
    """Check every string inside a request, keys included.

    Raises:
        ValueError: a string holds a NUL character or a lone surrogate, which no PostgreSQL text can hold.
    """
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError(f"The field {path or 'value'} holds a NUL character; remove it.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"The field {path or 'value'} holds half of a surrogate pair; send valid Unicode."
            ) from None
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            refuse_unstorable(key, f"{path} key".strip())
            refuse_unstorable(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            refuse_unstorable(inner, f"{path}.{index}".lstrip("."))


def _reason(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
