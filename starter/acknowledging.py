"""Acknowledgements in batches: told answers leave the relay's hands 100 ms after their caller has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from uuid import UUID

from store import inbox
from store.database import Database
from store.errors import StoreUnavailable

_BATCH_SECONDS = 0.1

_log = logging.getLogger(__name__)


class Acknowledgements:
    """Collects (dispute id, command id) of answered commands and writes them together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told: list[tuple[UUID, str]] = []
        self._wanted = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def running(cls, database: Database) -> AsyncIterator[Self]:
        """Acknowledgements that are written in the background, and all of them on leaving."""
        told = cls(database)
        writing = asyncio.create_task(told._write_for_ever())
        try:
            yield told
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await told._write()

    def add(self, dispute_id: UUID, command_id: str) -> None:
        """Remember that the caller has this command's answer."""
        self._told.append((dispute_id, command_id))
        self._wanted.set()

    async def _write_for_ever(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_BATCH_SECONDS)
            await self._write()

    async def _write(self) -> None:
        self._wanted.clear()
        batch, self._told = self._told, []
        if not batch:
            return
        try:
            await inbox.acknowledge(self._database, batch)
        except StoreUnavailable as error:
            # Not lost: the relay brings these commands again, is given their stored answers, and acknowledges.
            _log.warning("%d acknowledgements are left to the relay: %s", len(batch), error)
