"""The deadline's guards: the lock that intake and lapse share, and the handler that settles what has passed first."""

from __future__ import annotations

import asyncio
from datetime import datetime

import psycopg
import pytest

from domain.commands import Actor, Command
from domain.dispute import WaitKind
from domain.envelope import Answered
from localstack.stack import LocalStack
from starter.failures import Refused
from tests.stage import Stage
from tests.torture.holding import held_intake
from tests.torture.short_clocks import short_policy
from tests.torture.staging import acknowledged, at_work, deadline, passed, stage_under, until, verdict
from tests.torture.taking_away import sql_without
from workflows.case import Case as FollowingCase
from workflows.ports import Signalled

LOCK = "select pg_advisory_xact_lock(hashtextextended(which::text, 0))"


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_lapse_waits_for_an_intake_that_is_under_way(shaken: LocalStack, guarded: bool) -> None:
    """The command is stamped in time; its transaction ends only after the deadline."""
    async with stage_under(shaken, short_policy(offer="2s")) as built:
        if not guarded:
            await sql_without(built, "lock_dispute", LOCK, "select")
        case = await built.open(test_clock=False)
        await case.act("offer", case.seller, terms={"amount": {"amount_minor": 4_000, "currency": "CNY"}})
        dsn = built.settings.database_dsn.get_secret_value()

        async with (
            await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
            held_intake(connection, case.id, "accept_offer", {"offer_id": "o1"}, case.buyer, "k1"),
        ):
            # Without the lock it has looked for commands in time already, and waits to write the head row.
            await until(lambda: _waits_for_a_lock(built), "the lapse")
        send = built.client.send(case.id, "accept_offer", {"offer_id": "o1"}, actor=case.buyer, key="k1")
        if guarded:
            await send
            assert await case.handle.result() == "settled by agreement"
        else:
            with pytest.raises(Refused, match="lapsed"):
                await send
        await acknowledged(built)
        findings = await verdict(built)
    rules = {finding.rule for finding in findings}
    assert rules == set() if guarded else "received_in_time" in rules, findings


async def _waits_for_a_lock(built: Stage) -> bool:
    rows = await built.database.fetch(
        "select count(*) as waiting from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'",
        {},
    )
    return bool(rows[0]["waiting"])


async def decided_at_once(
    self: FollowingCase,
    command_id: str,
    command: Command,
    actor: Actor,
    received_at: datetime,
    signalled: Signalled | None = None,
) -> Answered:
    """`Case.answer` without settling the deadlines that have passed."""
    async with self.lock:
        return await self._decide(command_id, command, actor, received_at, signalled)


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_command_after_the_deadline_meets_its_lapse(
    shaken: LocalStack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The worker is away at the deadline; when it is back, the command comes before the timer."""
    if not guarded:
        monkeypatch.setattr(FollowingCase, "answer", decided_at_once)
    async with stage_under(shaken, short_policy(offer="1s"), worker=False) as built:
        async with at_work(built):
            case = await built.open(test_clock=False)
            await case.act("offer", case.seller, terms={"amount": {"amount_minor": 4_000, "currency": "CNY"}})
        await passed(case, await deadline(case, WaitKind.OFFER))
        sending = asyncio.create_task(case.act("accept_offer", case.buyer, offer_id="o1"))

        async def received() -> bool:
            rows = await built.database.fetch("select count(*) as rows from inbox where name = 'accept_offer'", {})
            return bool(rows[0]["rows"])

        await until(received, "the command to be received")
        async with at_work(built):
            if guarded:
                with pytest.raises(Refused, match="lapsed"):
                    await sending
            else:
                await sending
            await acknowledged(built)
            findings = await verdict(built)
    rules = {finding.rule for finding in findings}
    assert rules == set() if guarded else "deadline_first" in rules, findings
