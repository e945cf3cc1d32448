"""What is written to the parties: at once, again before the deadline, and not at all once the wait is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.dispute import Dispute
from gateways.carrier import Carrier
from gateways.orders import OrderSystem
from policies.shipped import load
from starter.acknowledging import Acknowledgements
from starter.client import DisputeClient
from starter.delivery import Deliverer
from starter.opening import OpeningDesk
from tests.stage import Case, Stage
from tests.stories.acting import keep_silent, offer, refuse

HOUR = timedelta(hours=1)


async def rows(case: Case, wait_id: str | None) -> list[dict[str, Any]]:
    """The outbox of one wait, the earliest first."""
    found = await case.stage.database.fetch(
        """
        select kind, recipient_role, due_at, voided_at is not null as voided
          from outbox where dispute_id = %(dispute)s and wait_id is not distinct from %(wait)s
         order by due_at, recipient_role
        """,
        {"dispute": case.id, "wait": wait_id},
    )
    return [dict(row) for row in found]


def until(dispute: Dispute, wait_id: str) -> datetime:
    wait = dispute.wait(wait_id)
    assert wait is not None
    return wait.until


async def test_the_seller_is_told_and_reminded_until_it_answers(scene: Stage) -> None:
    case = await scene.open()
    opened = await case.now()
    deadline = until(opened, "first_answer")
    expected = [
        ("notice", "seller", opened.opened_at),
        ("reminder", "seller", deadline - 24 * HOUR),
        ("reminder", "seller", deadline - 2 * HOUR),
    ]
    told = await rows(case, "first_answer")
    assert [(row["kind"], row["recipient_role"], row["due_at"]) for row in told] == expected
    assert not any(row["voided"] for row in told)
    await refuse(case)
    # What has been due may have been read already; what is still to come is void.
    assert all(row["voided"] for row in await rows(case, "first_answer") if row["kind"] == "reminder")
    refused = await case.now()
    assert [(row["kind"], row["recipient_role"], row["due_at"]) for row in await rows(case, "after_refusal")] == [
        ("notice", "buyer", refused.waits[-1].began),
        ("reminder", "buyer", until(refused, "after_refusal") - 24 * HOUR),
        ("reminder", "buyer", until(refused, "after_refusal") - 2 * HOUR),
    ]
    await keep_silent(case)
    ended = await rows(case, None)
    assert [(row["kind"], row["recipient_role"]) for row in ended] == [
        ("order_event", "system"),
        ("notice", "buyer"),
        ("notice", "seller"),
        ("order_event", "system"),
    ]


@pytest.fixture
async def hasty(scene: Stage) -> Any:
    """A stage under a policy whose offers stand for 28 hours: 24 hours before their end is in their first quarter."""
    policy = load()
    short = policy.model_copy(update={"clocks": policy.clocks.model_copy(update={"offer": "28h"})})
    async with (
        OrderSystem(scene.settings.world_url) as orders,
        Carrier(scene.settings.world_url) as carrier,
        Acknowledgements.running(scene.database) as acknowledgements,
    ):
        client = DisputeClient(
            scene.database,
            Deliverer(scene.database, scene.temporal, scene.settings),
            OpeningDesk(scene.database, orders, carrier, short, test_clocks=True),
            acknowledgements,
            daily_limit=policy.limits.messages_a_side_a_day,
        )
        yield Stage(scene.stack, scene.settings, scene.temporal, scene.database, client, scene.world)


async def test_a_reminder_in_the_first_quarter_of_its_clock_is_left_out(hasty: Stage) -> None:
    case = await hasty.open()
    await offer(case, case.seller, 5_000)
    deadline = until(await case.now(), "offer.o1")
    told = await rows(case, "offer.o1")
    assert [(row["kind"], deadline - row["due_at"]) for row in told] == [("notice", 28 * HOUR), ("reminder", 2 * HOUR)]


async def test_an_answered_offer_reminds_nobody_any_more(scene: Stage) -> None:
    case = await scene.open()
    await offer(case, case.seller, 5_000)
    assert [row["voided"] for row in await rows(case, "offer.o1")] == [False] * 3
    await case.act("decline_offer", case.buyer, offer_id="o1")
    assert [row["voided"] for row in await rows(case, "offer.o1")][1:] == [True, True]
    await case.act("withdraw", case.buyer)
