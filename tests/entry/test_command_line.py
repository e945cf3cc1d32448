"""The command line as people and scripts run it: data, talk, exit codes, and no trace of what cannot be read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from typer.testing import CliRunner

from starter.cli.main import app
from tests.entry.conftest import CommandLine
from tests.stage import put_order

LOST = "00000000-0000-0000-0000-000000000000"
NOT_THERE = {"DISPUTES_DATABASE_DSN": "postgresql://x:secret@127.0.0.1:1/x", "DISPUTES_WORLD_URL": "http://127.0.0.1:1"}


def test_without_a_stack_every_command_says_one_sentence(nowhere: CommandLine) -> None:
    for arguments in (["list"], ["doctor"], ["worker"]):
        done = nowhere(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("No local stack runs on .data; start one with `disputes up`")
        assert len(done.stderr.splitlines()) == 1


def test_a_setting_that_does_not_fit_is_named_without_its_value(nowhere: CommandLine) -> None:
    done = nowhere("list", environment={**NOT_THERE, "DISPUTES_UPDATE_TIMEOUT_SECONDS": "secret"})
    assert done.returncode == 1
    assert "DISPUTES_UPDATE_TIMEOUT_SECONDS" in done.stderr
    assert "secret" not in done.stderr


def test_a_database_that_is_away_is_one_sentence_without_the_password(nowhere: CommandLine) -> None:
    done = nowhere("list", "--json", environment=NOT_THERE)
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == "unavailable"
    assert "secret" not in done.stderr


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line in this process, where no stack runs; only its settings are taken away."""
    for name in [name for name in os.environ if name.startswith("DISPUTES_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


@pytest.mark.parametrize(
    "arguments",
    [
        ["act", LOST, "say", "--as", "seller:s", "text"],
        ["act", LOST, "say", "--as", "seller:s", "text=x", "text=y"],
        ["act", LOST, "say", "--as", "seller:s", "colour=red"],
        ["act", LOST, "say", "--as", "seller:s", "-f", "-", "text=x"],
        ["act", LOST, "say", "--as", "seller:s", "-f", "no-such-file"],
        ["act", LOST, "explode", "--as", "seller:s"],
        ["act", LOST, "say", "text=x"],
        ["act", LOST],
        ["open", "no-such-file", "--as", "buyer:b"],
        ["explode"],
    ],
)
def test_wrong_usage_is_told_before_anything_is_asked(clean: CliRunner, arguments: list[str]) -> None:
    done = clean.invoke(app, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no json",
        b"[]",
        b"\xff\xfe",
        b'{"text": "\\ud800"}',
        b'{"text": "\\u0000"}',
        b'{"text": 1e999}',
        b'{"text": ' + b"9" * 5_000 + b"}",
        b'{"text": "' + b"x" * 3_000_000 + b'"}',
        b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"text": ' + b'{"a":' * 1_000 + b"1" + b"}" * 1_000 + b"}",
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_hostile_file_is_told(clean: CliRunner, content: bytes) -> None:
    done = clean.invoke(app, ["act", LOST, "say", "--as", "seller:s", "-f", "-"], input=content)
    assert (done.exit_code, done.stdout) == (2, "")
    assert isinstance(done.exception, SystemExit)
    assert 0 < len(done.stderr) < 2_000


def test_a_hostile_argument_is_told(nowhere: CommandLine) -> None:
    done = nowhere("act", LOST, "say", "--as", "seller:s", "text=\udcff")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unicode" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
async def dispute(up: CommandLine) -> str:
    """A dispute on a test clock about an order of its own, opened on the command line."""
    told = json.loads((Path(up.environment["DISPUTES_DATA"]) / "stack.json").read_text())

    async with httpx.AsyncClient(base_url=told["DISPUTES_WORLD_URL"], trust_env=False) as world:
        order_id = await put_order(world)
    claim = {"order_id": order_id, "lines": [{"line": 1}], "reason": "not_as_described", "statement": "Not that."}
    done = up(
        "open",
        "-",
        "--as",
        f"buyer:buyer-{order_id[-6:]}",
        "--key",
        f"o-{uuid4()}",
        "--test-clock",
        "--json",
        stdin=json.dumps(claim).encode(),
    )
    assert done.returncode == 0, done.stderr
    (view,) = json.loads(done.stdout)
    return str(view["id"])


def test_the_stack_is_found_and_healthy(up: CommandLine) -> None:
    done = up("doctor", "--json")
    assert done.returncode == 0, done.stdout
    findings = json.loads(done.stdout)
    assert [one["part"] for one in findings if one["mend"] is not None] == []
    assert len(findings) == 11


def test_doctor_tells_what_is_wrong_and_how_to_mend_it(up: CommandLine) -> None:
    broken = {"DISPUTES_TASK_QUEUE": "nobody-listens", "DISPUTES_WORLD_URL": "http://127.0.0.1:1"}
    done = up("doctor", "--json", environment=broken)
    assert done.returncode == 1
    wrong = {one["part"]: one["mend"] for one in json.loads(done.stdout) if one["mend"] is not None}
    assert set(wrong) == {"workers", "outside systems"}
    assert "disputes worker" in wrong["workers"]


def test_a_dispute_lives_on_the_command_line(up: CommandLine, dispute: str) -> None:
    assert dispute in up("list").stdout
    refused = up("act", dispute, "take", "--as", "seller", "--lang", "zh-CN")
    assert refused.returncode == 3
    assert "(not_your_role)" in refused.stderr
    told = up("act", dispute, "take", "--as", "seller", "--json")
    assert json.loads(told.stderr.splitlines()[-1])["error"]["code"] == "not_your_role"
    offer = ["act", dispute, "offer", "--as", "seller", "--key", "o1", "--json"]
    terms = ["terms.amount.amount_minor=5000", "terms.amount.currency=CNY"]
    first, again = up(*offer, *terms), up(*offer, *terms)
    assert first.returncode == again.returncode == 0
    assert json.loads(first.stdout) == json.loads(again.stdout)
    assert json.loads(first.stdout)["events"] == ["offered"]
    reused = up(*offer, "terms.amount.amount_minor=5001", "terms.amount.currency=CNY")
    assert reused.returncode == 1
    assert json.loads(reused.stderr)["error"]["code"] == "key_reused"
    coming = json.loads(up("forecast", dispute, "--json").stdout)
    assert coming["deadlines"][0]["waiting_for"] == "offer.o1"
    actions = json.loads(up("allowed", dispute, "--as", "buyer", "--json").stdout)
    assert "accept_offer" in {one["command"] for one in actions["allowed"]}
    moved = up("clock", dispute, "--advance", "73h", "--json")
    assert moved.returncode == 0, moved.stderr
    entries = json.loads(up("timeline", dispute, "--json").stdout)
    assert entries[-1]["body"]["type"] == "offer_lapsed"
    assert "negotiation" in up("show", dispute).stdout


def test_what_is_not_there_is_exit_code_4(up: CommandLine, dispute: str) -> None:
    assert up("show", LOST).returncode == 4
    assert up("show", "\x1b[31m").returncode == 4
    assert up("act", LOST, "say", "--as", "seller:s", "text=x").returncode == 4
    assert up("show", dispute, "--as", "buyer:stranger").returncode == 4


def test_an_unknown_outcome_is_exit_code_5_and_names_the_key(up: CommandLine, dispute: str) -> None:
    away = {"DISPUTES_TEMPORAL_ADDRESS": "127.0.0.1:1"}
    done = up("act", dispute, "say", "--as", "seller", "--key", "later", "--json", "text=x", environment=away)
    assert done.returncode == 5
    assert json.loads(done.stderr)["error"]["key"] == "later"
    assert up("act", dispute, "say", "--as", "seller", "--key", "later", "text=x").returncode == 0


def test_colour_and_width_are_for_terminals(up: CommandLine, dispute: str) -> None:
    for arguments in (["list"], ["timeline", dispute], ["allowed", dispute, "--as", "seller"]):
        done = up(*arguments)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr
        assert "…" not in done.stdout


def test_one_folder_has_one_stack(up: CommandLine) -> None:
    done = up("up", "--no-ui")
    assert done.returncode == 1
    assert "is in use" in done.stderr
