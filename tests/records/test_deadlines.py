"""Deadlines: silence takes effect only when nothing was received in time and we were there to receive it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from store import inbox
from store.clock import intake_now
from store.commit import Done, Early, Late, Received, commit
from store.database import Database
from store.heartbeat import beat
from tests.records.cases import a_command, a_commit, a_dispute, a_lapse

HOUR = 3600.0


async def test_a_lapse_before_its_deadline_is_early(database: Database) -> None:
    dispute_id = await a_dispute(database)
    result = await commit(database, a_lapse(dispute_id, await intake_now(database) + timedelta(seconds=90)))
    assert isinstance(result, Early)
    assert 80_000 < result.milliseconds <= 90_000


async def test_commands_received_in_time_come_first_and_in_order(database: Database) -> None:
    dispute_id = await a_dispute(database)
    commands = [a_command(dispute_id, body=f'"{n}"', seen_version=n) for n in range(4)]
    receipts = [await inbox.receive(database, command, daily_limit=9) for command in commands]
    await commit(database, a_commit(dispute_id, command_id=commands[0].command_id, answer="{}"))
    # Received exactly at the deadline is in time; the last command came after it.
    lapse = a_lapse(dispute_id, receipts[2].received_at).model_copy(update={"expected_version": 2})

    result = await commit(database, lapse)
    assert isinstance(result, Received)
    assert [(row.command_id, row.body, row.received_at, row.seen_version) for row in result.rows] == [
        (commands[n].command_id, commands[n].body, receipts[n].received_at, n) for n in (1, 2)
    ]
    for version, row in enumerate(result.rows, start=2):
        await commit(database, a_commit(dispute_id, version, command_id=row.command_id, answer="{}"))
    assert isinstance(await commit(database, lapse.model_copy(update={"expected_version": 4})), Done)


async def test_after_a_lapse_nothing_is_received_in_time(database: Database) -> None:
    dispute_id = await a_dispute(database)
    # A deadline the clock has barely reached, then a clock that steps back.
    at = await intake_now(database)
    assert isinstance(await commit(database, a_lapse(dispute_id, at)), Done)
    receipt = await inbox.receive(database, a_command(dispute_id), daily_limit=9)
    assert receipt.received_at > at


async def test_a_late_worker_grants_one_grace(database: Database) -> None:
    dispute_id = await a_dispute(database)
    at = await intake_now(database) - timedelta(seconds=5)
    result = await commit(database, a_lapse(dispute_id, at, late_after=4))
    assert isinstance(result, Late)
    assert result.cause == "worker"
    assert 5 <= result.seconds < 15
    assert isinstance(await commit(database, a_lapse(dispute_id, at, late_after=4, graced=True)), Done)


async def beats(database: Database, dispute_id: UUID, age: timedelta, *silences: tuple[float, float]) -> None:
    """A dispute opened `age` ago and a beat every minute since, except between these hours before now."""
    await database.fetch(
        """
        with aged as (
          update disputes set real_opened_at = clock_timestamp() - %(age)s where dispute_id = %(id)s
        )
        insert into heartbeats
        select at from generate_series(now() - interval '30 hours', now(), interval '1 minute') as at
         where not exists (select from unnest(%(since)s::float8[], %(until)s::float8[]) as silence (since, until)
                            where at between now() - make_interval(secs => since * 3600)
                                         and now() - make_interval(secs => until * 3600))
        returning beat_at
        """,
        {
            "age": age,
            "id": dispute_id,
            "since": [since for since, _ in silences],
            "until": [until for _, until in silences],
        },
    )


LONG_AGO = timedelta(hours=40)


@pytest.mark.parametrize(
    ("age", "silences", "down"),
    [
        pytest.param(LONG_AGO, [], None, id="never down"),
        pytest.param(LONG_AGO, [(5, 4)], None, id="down for an hour, which is forgiven"),
        pytest.param(LONG_AGO, [(5, 3.9)], 1.1 * HOUR, id="down for more than an hour"),
        pytest.param(LONG_AGO, [(20, 19.2), (10, 9.2)], None, id="two short ones are not added"),
        pytest.param(LONG_AGO, [(1.5, 0)], 1.5 * HOUR, id="down at the deadline"),
        pytest.param(LONG_AGO, [(29, 25)], None, id="more than a day before the deadline"),
        pytest.param(LONG_AGO, [(29, 22)], 2 * HOUR, id="counted from a day before the deadline"),
        pytest.param(timedelta(hours=6), [(10, 5.5)], None, id="counted from the opening"),
        pytest.param(timedelta(hours=6), [(10, 4)], 2 * HOUR, id="still down after the opening"),
    ],
)
async def test_a_deadline_while_intake_was_down(
    database: Database, age: timedelta, silences: list[tuple[float, float]], down: float | None
) -> None:
    dispute_id = await a_dispute(database)
    await beats(database, dispute_id, age, *silences)
    lapse = a_lapse(dispute_id, await intake_now(database), late_after=HOUR)
    result = await commit(database, lapse)
    if down is None:
        assert isinstance(result, Done)
        return
    assert isinstance(result, Late)
    assert result.cause == "intake"
    assert result.seconds == pytest.approx(down, abs=121)
    graced = a_lapse(dispute_id, await intake_now(database), late_after=HOUR, graced=True)
    assert isinstance(await commit(database, graced), Done)


async def test_a_test_clock_counts_real_outages_only(database: Database) -> None:
    dispute_id = await a_dispute(database, test_clock=True)
    await beats(database, dispute_id, timedelta(0))
    at = await intake_now(database) + timedelta(days=30)
    skipped = a_lapse(dispute_id, at, late_after=1).model_copy(update={"virtual_now": at})
    assert isinstance(await commit(database, skipped), Done)


async def test_a_beat_is_kept_for_forty_days(database: Database) -> None:
    await database.fetch(
        "insert into heartbeats select now() - age from unnest(%(ages)s::interval[]) as age returning beat_at",
        {"ages": [timedelta(days=39), timedelta(days=41)]},
    )
    await beat(database)
    rows = await database.fetch("select extract(day from now() - beat_at)::int as age from heartbeats order by 1", {})
    assert [row["age"] for row in rows] == [0, 39]
