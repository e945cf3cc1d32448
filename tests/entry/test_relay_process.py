"""The relay as a process: what was received is delivered, what is due is sent, and it stops when told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from domain.canonical import canonical
from domain.commands import Say
from domain.envelope import Answered
from localstack.stack import LocalStack
from starter.client import DisputeClient
from starter.delivery import Deliverer, parcel_of
from starter.intake import receive
from starter.settings import Settings
from store import inbox, reading
from store.records import Command
from tests.entry.conftest import ROOT, eventually
from tests.entry.test_client_on_the_real_thing import NOBODY, buyer_of, claim_about
from tests.stage import Case, Stage, put_order, stage


@pytest.fixture(scope="module")
async def scene(stack: LocalStack) -> AsyncIterator[Stage]:
    """A database of its own: a relay looks at all that stands in one."""
    async with stage(stack) as built:
        yield built


def _read(log: Path) -> str:
    return log.read_text()


@asynccontextmanager
async def relaying(settings: Settings, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m starter.relay`, ready; it must end with code 0 on SIGTERM."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DISPUTES_DATABASE_DSN": settings.database_dsn.get_secret_value(),
        "DISPUTES_TEMPORAL_ADDRESS": settings.temporal_address,
        "DISPUTES_TASK_QUEUE": settings.task_queue,
        "DISPUTES_WORLD_URL": settings.world_url,
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "starter.relay", stderr=output, env=environment
        )
    try:

        async def ready() -> bool:
            assert process.returncode is None, _read(log)
            return "relay ready" in _read(log)

        await eventually(ready, "the relay's readiness")
        yield process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0, _read(log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _received(case: Case, text: str) -> str:
    """A command whose sender died right after it was received."""
    receipt = await receive(
        case.stage.database,
        case.id,
        Say(text=text),
        actor=case.buyer,
        key=f"k-{uuid4()}",
        seen_version=None,
        daily_limit=1000,
    )
    return receipt.command_id


async def _acknowledged(case: Case, command_id: str) -> bool:
    rows = await case.stage.database.fetch(
        "select acknowledged_at is not null as told from inbox where dispute_id = %(d)s and command_id = %(c)s",
        {"d": case.id, "c": command_id},
    )
    return bool(rows[0]["told"])


async def _started(scene: Stage, dispute_id: UUID) -> bool:
    return (await reading.head(scene.database, dispute_id)).started_at is not None


async def test_commands_whose_sender_died_are_answered_in_order_and_once(scene: Stage, tmp_path: Path) -> None:
    cases = [await scene.open() for _ in range(3)]
    sent = [(case, await _received(case, text)) for case in cases for text in ("first", "second", "third")]
    async with relaying(scene.settings, tmp_path / "relay.log"):

        async def all_told() -> bool:
            return all([await _acknowledged(*one) for one in sent])

        await eventually(all_told, "the acknowledgement of every command")
    for case in cases:
        bodies = [entry.body for entry in await scene.client.timeline(case.id)]
        assert [body["text"] for body in bodies if body["type"] == "said"] == ["first", "second", "third"]


async def test_an_answer_nobody_acknowledged_is_not_given_twice(scene: Stage, tmp_path: Path) -> None:
    case = await scene.open()
    # Opening is acknowledged in the background; before that no other row is given out.
    await eventually(lambda: _started(scene, case.id), "the acknowledged start")
    command_id = await _received(case, "said once")
    (row,) = [
        row
        for row in await inbox.lease(scene.database, limit=1000, lease=timedelta(seconds=1), grace=timedelta(seconds=0))
        if row.dispute_id == case.id and row.command_id == command_id
    ]
    told = await Deliverer(scene.database, scene.temporal, scene.settings).deliver(parcel_of(row))
    async with relaying(scene.settings, tmp_path / "relay.log"):
        await eventually(lambda: _acknowledged(case, command_id), "the acknowledgement")
    stored, _ = await reading.answer(scene.database, case.id, command_id)
    assert stored == canonical(told)
    assert (await case.now()).version == told.version


async def test_a_dispute_whose_opener_died_is_started(scene: Stage, tmp_path: Path) -> None:
    away = scene.settings.model_copy(update={"temporal_address": "127.0.0.1:1"})
    order_id = await put_order(scene.world)
    async with DisputeClient.connect(away) as client:
        (opened,) = await client.open(claim_about(order_id), actor=buyer_of(order_id), key="o")

    assert not await _started(scene, UUID(opened.id))
    async with relaying(scene.settings, tmp_path / "relay.log"):
        await eventually(lambda: _started(scene, UUID(opened.id)), "the start of the dispute")
    description = await scene.temporal.get_workflow_handle(f"dispute/{opened.id}").describe()
    assert description.status is not None
    assert description.status.name == "RUNNING"
    assert {pair.key.name: pair.value for pair in description.typed_search_attributes}["OrderId"] == order_id


async def test_a_command_that_comes_after_the_end_is_refused(scene: Stage, tmp_path: Path) -> None:
    case = await scene.open()
    await case.act("withdraw", case.buyer)
    await case.handle.result()
    command_id = await _received(case, "too late")
    async with relaying(scene.settings, tmp_path / "relay.log"):
        await eventually(lambda: _acknowledged(case, command_id), "the acknowledgement")
    stored, _ = await reading.answer(scene.database, case.id, command_id)
    assert stored is not None
    assert Answered.model_validate_json(stored).code == "closed"


async def test_what_cannot_be_read_is_put_before_operators_and_holds_nothing_up(scene: Stage, tmp_path: Path) -> None:
    case = await scene.open()
    broken = Command(
        dispute_id=case.id,
        command_id="broken",
        name="say",
        actor_role="buyer",
        actor_id=case.buyer.id,
        body="no JSON",
        digest="0" * 64,
    )
    await inbox.receive(scene.database, broken, daily_limit=1000)
    behind_it = await _received(case, "behind it")
    async with relaying(scene.settings, tmp_path / "relay.log"):
        await eventually(lambda: _acknowledged(case, behind_it), "the acknowledgement of the command behind")
    (row,) = await reading.undeliverable(scene.database)
    assert (row.command_id, row.dispute_id) == ("broken", case.id)
    assert row.reason is not None
    assert "cannot be read" in row.reason


async def test_messages_arrive_once_though_an_answer_was_lost(scene: Stage, tmp_path: Path) -> None:
    script = {"calls": [{"kind": "notice", "fault": "error_500_after"}, {"kind": "order_event", "fault": "garbage"}]}
    (await scene.world.put("/script", json=script)).raise_for_status()
    case = await scene.open()

    async def all_sent() -> bool:
        rows = await scene.database.fetch(
            "select count(*) filter (where sent_at is null and due_at <= clock_timestamp()) as waiting "
            "from outbox where dispute_id = %(d)s",
            {"d": case.id},
        )
        return bool(rows[0]["waiting"] == 0)

    async with relaying(scene.settings, tmp_path / "relay.log"):
        await eventually(all_sent, "the sending of every message that is due")
    left = (await scene.world.get("/script")).json()["left"]
    assert left == []
    books = (await scene.world.get("/books", params={"dispute_id": str(case.id)})).json()
    assert [notice["to"]["role"] for notice in books["notices"]] == ["seller"]
    assert [event["kind"] for event in books["order_events"]] == ["opened"]
    assert case.seller.id not in books["notices"][0]["text"]["en"]


async def test_it_beats_at_the_start(scene: Stage, tmp_path: Path) -> None:
    before = (await reading.backlog(scene.database)).last_beat_at
    async with relaying(scene.settings, tmp_path / "relay.log"):
        after = (await reading.backlog(scene.database)).last_beat_at
    assert after is not None
    assert before is None or after > before


async def test_temporal_away_is_said_once_and_what_waits_goes_when_it_is_back(scene: Stage, tmp_path: Path) -> None:
    case = await scene.open()
    command_id = await _received(case, "patience")
    away = scene.settings.model_copy(update={"temporal_address": "127.0.0.1:1"})
    log = tmp_path / "away.log"
    async with relaying(away, log):

        async def stands_still() -> bool:
            return "stands still" in _read(log)

        await eventually(stands_still, "the word that delivering stands still")
        assert not await _acknowledged(case, command_id)
    assert _read(log).count("stands still") == 1
    async with relaying(scene.settings, tmp_path / "back.log"):
        await eventually(lambda: _acknowledged(case, command_id), "the acknowledgement")


async def test_without_postgresql_at_the_start_it_says_so_and_ends(scene: Stage, tmp_path: Path) -> None:
    away = scene.settings.model_copy(update={"database_dsn": SecretStr(NOBODY)})
    log = tmp_path / "relay.log"
    with pytest.raises(AssertionError, match="PostgreSQL is not available"):
        async with relaying(away, log):
            pytest.fail("a relay without a database must not be ready")
    assert "secret" not in _read(log)
    assert "Traceback" not in _read(log)
