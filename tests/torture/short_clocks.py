"""The shipped policy with clocks of seconds, so that deadlines fall among the commands on the real clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from domain.policy import Policy
from gateways.carrier import Carrier
from gateways.orders import OrderSystem
from policies.shipped import load
from starter.acknowledging import Acknowledgements
from starter.client import DisputeClient
from starter.connecting import connect
from starter.delivery import Deliverer
from starter.opening import OpeningDesk
from starter.settings import Settings
from store.database import Database

CLOCKS = {
    "first_answer": "15s",
    "first_answer_unshipped": "12s",
    "after_refusal": "10s",
    "offer": "5s",
    "negotiation": "25s",
    "negotiation_rest_at_least": "6s",
    "complain_after_opening": "1s",
    "complaint_answer": "7s",
    "review_target": "6s",
    "review_hard": "15s",
    "lease": "5s",
    "confirmation": "5s",
    "appeal_target": "6s",
    "appeal_hard": "12s",
    "appeal_cap": "20s",
    "cap_alarm": "60s",
    "cap": "120s",
    "cap_repeat": "30s",
    "late_after": "20s",
    "late_grace": "4s",
}
"""Clocks of the long run; a deadline reached more than `late_after` too late is put off, once, by `late_grace`."""


def short_policy(**clocks: str) -> Policy:
    """The shipped policy with `clocks` (durations by name) and limits that no stream of commands reaches."""
    shipped = load().model_dump(mode="json")
    limits = shipped["limits"] | {"messages_a_side_a_day": 10_000, "offers_a_side": 1_000, "evidence_items": 10_000}
    return Policy.model_validate(
        shipped
        | {"policy_id": "short-clocks", "clocks": shipped["clocks"] | clocks, "limits": limits, "reminders": ["2s"]}
    )


@asynccontextmanager
async def client_under(settings: Settings, policy: Policy, database: Database) -> AsyncIterator[DisputeClient]:
    """A client whose new disputes pin `policy`; its reads and receipts go through `database`."""
    async with AsyncExitStack() as opened:
        orders = await opened.enter_async_context(OrderSystem(settings.world_url))
        carrier = await opened.enter_async_context(Carrier(settings.world_url))
        acknowledgements = await opened.enter_async_context(Acknowledgements.running(database))
        yield DisputeClient(
            database,
            Deliverer(database, await connect(settings, lazy=True), settings),
            OpeningDesk(database, orders, carrier, policy, test_clocks=settings.sandbox),
            acknowledgements,
            daily_limit=policy.limits.messages_a_side_a_day,
        )
