"""The whole demo as a user runs it: one command, told on stdout, its records in a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from domain.dispute import Phase
from domain.refusals import Code, sentence
from starter.cli.running import SAMPLE_ORDERS
from starter.demo.order_disputes import WANTED
from starter.demo.order_rows import Course, choose, read_orders
from starter.demo.record import Record, disagreements
from starter.demo.stories import STORIES
from tests.stage import Stage

COMMAND = [sys.executable, "-m", "starter.cli.main", "demo"]
FIELDS = ["story", "dispute_id", "workflow_id", "phases", "outcome", "how", "commands", "refused"]
FIELDS += ["history_events", "history_bytes", "virtual_days", "timeline"]


class Told(NamedTuple):
    orders: Path
    code: int
    text: str
    talk: str
    records: list[dict[str, object]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One run on the project's own orders and a row that is none."""
    folder = tmp_path_factory.mktemp("demo")
    orders, left = folder / "orders.ndjson", folder / "build" / "demo.json"
    orders.write_bytes(SAMPLE_ORDERS.read_bytes() + b'{"order_id": "torn\n')
    arguments = ["--orders", str(orders), "--json", str(left)]
    ran = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=110, check=False)
    return Told(orders, ran.returncode, ran.stdout, ran.stderr, json.loads(left.read_text()) if left.exists() else [])


def test_every_story_is_told_and_nothing_went_wrong(told: Told) -> None:
    assert told.code == 0, told.text + told.talk
    for story in STORIES:
        assert story.title in told.text
    assert "Wrong:" not in told.text
    assert "The forecast came true." in told.text
    assert "kill -9" in told.text
    assert told.text.count("/namespaces/default/workflows/dispute%2F") == len(STORIES)
    for language in ("zh-CN", "en"):
        assert sentence(Code.OFFER_NOT_FOUND, language) in told.text
    assert "\x1b" not in told.text


def test_a_broken_row_and_a_refused_claim_are_told(told: Told) -> None:
    rows = len(SAMPLE_ORDERS.read_text().splitlines())
    assert f"orders.ndjson row {rows + 1}: " in told.text
    assert "cn-1005" in told.text
    assert f"({Code.NOT_PAID})" in told.text
    assert f"Opened: {WANTED}." in told.text


def test_the_table_and_the_records_stand_in_the_order_of_the_choice(told: Told) -> None:
    rows = told.text.partition("\nORDER ")[2].partition("\n\n")[0].splitlines()[1:]
    file = read_orders(told.orders)
    # The outside world leaves cn-1019 out, and the claim about cn-1005 is refused.
    candidates = choose(file, {row.order_id for row in file.rows} - {"cn-1019"})
    expected = [candidate for candidate in candidates if candidate.row.order_id != "cn-1005"][:WANTED]
    assert [row.split()[0] for row in rows] == [candidate.row.order_id for candidate in expected]
    assert [one["story"] for one in told.records] == [story.name for story in STORIES] + [
        f"order_{candidate.course}" for candidate in expected
    ]


def test_the_records_have_the_agreed_fields_and_hold_together(told: Told) -> None:
    assert len(told.records) == len(STORIES) + WANTED
    for one in told.records:
        assert list(one) == FIELDS
        record = Record.model_validate(one)
        assert record.workflow_id == f"dispute/{record.dispute_id}"
        assert (record.phases[0], record.phases[-1]) == (Phase.NEGOTIATION, Phase.CLOSED)
        assert record.outcome is not None
        assert record.how is not None
        assert [line.entry for line in record.timeline] == list(range(1, len(record.timeline) + 1))
        versions = [line.version for line in record.timeline if line.kind == "event"]
        assert versions == list(range(1, len(versions) + 1))
        assert all(line.rule and line.by and line.at for line in record.timeline if line.kind == "event")
        assert record.refused == sum(line.kind == "refusal" for line in record.timeline)
        assert record.commands >= 1 + record.refused
        assert record.history_events > 10
        assert record.history_bytes > 1_000
        assert record.virtual_days > 0
    assert len({one["dispute_id"] for one in told.records}) == len(told.records)


def test_the_records_tell_what_the_stories_told(told: Told) -> None:
    records = {str(one["story"]): Record.model_validate(one) for one in told.records}
    assert {f"order_{course}" for course in Course} | {story.name for story in STORIES} == set(records)
    crossing, silent = records["crossing_offers"], records["seller_silent"]
    assert (crossing.outcome, crossing.how, crossing.refused) == ("settled", "agreement", 1)
    assert (silent.outcome, silent.how, silent.commands) == ("settled", "silence", 1)
    assert silent.virtual_days == pytest.approx(2, abs=0.01)
    assert records["complaint_and_decision"].phases == tuple(Phase)
    killed = records["worker_killed"]
    # Sent three times under one key, it is one command beside the opening and the offer.
    assert (killed.outcome, killed.commands) == ("settled", 3)


def test_ctrl_c_stops_everything_in_order() -> None:
    with subprocess.Popen(
        COMMAND,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as demo:
        assert demo.stdout is not None
        said: list[str] = []
        children: list[str] = []
        for line in demo.stdout:
            said.append(line)
            if line.startswith("Story 1"):
                children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
                demo.send_signal(signal.SIGINT)
    assert demo.returncode == 1
    assert "stopped before its end" in "".join(said)
    assert len(children) >= 5
    assert [child for child in children if Path(f"/proc/{child}").exists()] == []


def test_a_missing_order_file_is_one_sentence() -> None:
    ran = subprocess.run([*COMMAND, "--orders", "nowhere.ndjson"], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert "nowhere.ndjson" in ran.stderr


async def test_books_that_say_otherwise_are_found(scene: Stage) -> None:
    case = await scene.open()
    await case.act("answer", case.seller, verdict="accept")
    await case.handle.result()
    view = await scene.client.view(case.id)
    refunds = (await scene.world.get("/books", params={"dispute_id": str(case.id)})).json()["refunds"]
    (refund,) = refunds
    assert disagreements([view], refunds) == []
    assert "0 times" in disagreements([view], [])[0]
    assert "2 times" in disagreements([view], [refund, refund])[0]
    assert disagreements([view], [refund | {"amount_minor": refund["amount_minor"] + 1}]) != []
    unplanned = refund | {"idempotency_key": f"{view.id}:another"}
    assert "planned 0" in disagreements([view], [refund, unplanned])[0]
