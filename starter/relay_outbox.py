"""The relay's second job: notices, reminders and order events, sent at least once under an id of their own."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from domain.notices import Body
from gateways.errors import GatewayError
from gateways.notices import Notices
from gateways.orders import OrderSystem
from starter.texts import render
from store import outbox
from store.database import Database
from store.errors import StoreUnavailable
from store.outbox import DueMessage

MESSAGES_AT_ONCE = 50
CALLS_AT_ONCE = 8
_LEASE = timedelta(seconds=10)

_log = logging.getLogger(__name__)


class OutboxRelay:
    """Sends what is due by each dispute's own clock; what fails is due again later, less and less often."""

    def __init__(self, database: Database, orders: OrderSystem, notices: Notices) -> None:
        self._database = database
        self._orders = orders
        self._notices = notices
        self._places = asyncio.Semaphore(CALLS_AT_ONCE)
        self._failing: set[str] = set()

    async def send_due(self) -> int:
        """Lease and send one batch; gives its size. Raises StoreUnavailable."""
        messages = await outbox.lease(self._database, limit=MESSAGES_AT_ONCE, lease=_LEASE)
        sent = await asyncio.gather(*(self._send(message) for message in messages), return_exceptions=True)
        done = [message.message_id for message, arrived in zip(messages, sent, strict=True) if arrived is True]
        if done:
            await outbox.mark_sent(self._database, done)
        for failure in sent:
            if isinstance(failure, BaseException):
                raise failure
        return len(messages)

    async def _send(self, message: DueMessage) -> bool:
        async with self._places:
            try:
                await self._call(message)
            except (GatewayError, ValueError) as error:
                await outbox.note_failure(self._database, message.message_id, error=str(error)[:500])
                system = error.system if isinstance(error, GatewayError) else "the message itself"
                if system not in self._failing:
                    self._failing.add(system)
                    _log.warning("messages wait: %s", error)
                return False
            except StoreUnavailable:
                raise
            except Exception as error:
                # A message that meets a bug of ours must not keep all others waiting.
                _log.exception("message %s met a bug", message.message_id)
                await outbox.note_failure(self._database, message.message_id, error=repr(error)[:500])
                return False
        self._failing.clear()
        return True

    async def _call(self, message: DueMessage) -> None:
        body = Body.model_validate_json(message.body)
        if message.kind == "order_event":
            await self._orders.tell(
                message.message_id,
                body.topic,
                str(message.dispute_id),
                body.order_id,
                body.model_dump(mode="json", exclude_none=True),
                at=message.virtual_now,
            )
            return
        await self._notices.send(
            message.message_id,
            role=message.recipient_role,
            party_id=message.recipient_id,
            kind=body.topic if message.kind == "notice" else f"{body.topic}_reminder",
            dispute_id=str(message.dispute_id),
            text={"zh-CN": render(body, "zh-CN"), "en": render(body, "en")},
            # The same at every try: a message that came twice must be the same message.
            issued_at=message.due_at,
            at=message.virtual_now,
        )
