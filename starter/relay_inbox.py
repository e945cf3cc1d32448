"""The relay's first job: rows of the inbox whose sender did not get to deliver them, or did not say so."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence
from datetime import timedelta

from pydantic import ValidationError
from temporalio.client import Client

from domain.envelope import Answered
from starter.delivery import Away, Bug, Deliverer, NotDelivered, parcel_of
from starter.settings import Settings
from store import inbox
from store.database import Database
from store.errors import StoreUnavailable
from store.inbox import Delivery

ROWS_AT_ONCE = 50
DISPUTES_AT_ONCE = 8
FAILURES_BEFORE_GIVING_UP = 10

_log = logging.getLogger(__name__)


class InboxRelay:
    """Delivers what is due, disputes side by side, the rows of one in order."""

    def __init__(self, database: Database, temporal: Client, settings: Settings) -> None:
        self._database = database
        self._deliverer = Deliverer(database, temporal, settings)
        # Longer than a delivery may take, so that no second relay delivers beside us.
        self._lease = timedelta(seconds=settings.update_timeout_seconds + 5)
        self._places = asyncio.Semaphore(DISPUTES_AT_ONCE)
        self._was_away = False

    async def deliver_due(self) -> int:
        """Lease and deliver one batch; gives its size.

        Raises:
            Away: Temporal does not answer; what was leased comes again.
            StoreUnavailable: PostgreSQL does not answer.
        """
        if self._was_away:
            # Ask before leasing: every lease makes the next one longer.
            await self._deliverer.knock()
        rows = await inbox.lease(self._database, limit=ROWS_AT_ONCE, lease=self._lease)
        disputes = [list(group) for _, group in itertools.groupby(rows, key=lambda row: row.dispute_id)]
        results = await asyncio.gather(*(self._deliver_in_order(group) for group in disputes), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        self._was_away = any(isinstance(failure, Away) for failure in failures)
        for failure in failures:
            raise failure
        return len(rows)

    async def _deliver_in_order(self, rows: Sequence[Delivery]) -> None:
        async with self._places:
            for row in rows:
                if not await self._deliver(row):
                    return

    async def _deliver(self, row: Delivery) -> bool:
        """Whether the next row of the same dispute may follow."""
        try:
            await self._hand_over(row)
        except (ValidationError, ValueError) as error:
            await self._give_up(row, f"it cannot be read: {_first_line(error)}")
            return row.name != "open"
        except NotDelivered as error:
            if isinstance(error, Bug) and row.tries >= FAILURES_BEFORE_GIVING_UP:
                await self._give_up(row, str(error))
                return True
            await inbox.note_failure(self._database, row.dispute_id, row.command_id, error=str(error))
            if isinstance(error, Away):
                raise
            _log.info("%s of dispute %s is not delivered yet: %s", row.name, row.dispute_id, error)
            return False
        except StoreUnavailable:
            raise
        except Exception as error:
            # A row that meets a bug of ours must not keep all others waiting.
            _log.exception("%s of dispute %s met a bug", row.name, row.dispute_id)
            if row.tries >= FAILURES_BEFORE_GIVING_UP:
                await self._give_up(row, f"it met a bug of the relay: {error!r}")
            else:
                await inbox.note_failure(self._database, row.dispute_id, row.command_id, error=repr(error))
            return False
        await inbox.acknowledge(self._database, [(row.dispute_id, row.command_id)])
        return True

    async def _hand_over(self, row: Delivery) -> None:
        if row.name == "open":
            await self._deliverer.start(row.dispute_id, row.body)
        elif row.answer is None or Answered.model_validate_json(row.answer).status == "accepted":
            # Accepted ones go again although their answer is known: the workflow may have died between its commit
            # and its task, and catches up with this.
            await self._deliverer.deliver(parcel_of(row))

    async def _give_up(self, row: Delivery, reason: str) -> None:
        _log.error("%s of dispute %s can never be delivered: %s", row.name, row.dispute_id, reason)
        await inbox.mark_undeliverable(self._database, row.dispute_id, row.command_id, reason=reason)


def _first_line(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error).splitlines()[0]
