"""The process: it says when it serves, stops in order, and loses nothing it answered."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.world.running import ROOT, RunningWorld


def test_an_answered_refund_survives_kill_9(tmp_path: Path) -> None:
    world = RunningWorld(tmp_path)
    order = world.put_order()
    body = {"payment_id": order["payments"][0]["payment_id"], "amount_minor": 2500, "currency": "CNY"}
    body["reference"] = "d-1:refund"
    refund = world.http.post("/refunds", json=body, headers={"Idempotency-Key": "d-1:refund"}).json()
    world.kill()

    again = RunningWorld(tmp_path)
    assert again.books()["refunds"] == [refund | {"idempotency_key": "d-1:refund"}]
    assert again.http.get("/refunds", params={"idempotency_key": "d-1:refund"}).json() == refund
    assert again.http.get(f"/orders/{order['order_id']}").json() == order
    assert again.stop() == 0


def test_a_restart_keeps_rebased_orders_as_they_were(tmp_path: Path) -> None:
    file = str(ROOT / "sandbox" / "orders" / "marketplace.ndjson")
    world = RunningWorld(tmp_path, "--orders", file)
    before = world.http.get("/orders/cn-1010").json()
    world.kill()
    killed = int(time.time())
    while int(time.time()) == killed:  # in the same second a new rebase would give the same instants
        time.sleep(0.01)
    again = RunningWorld(tmp_path, "--orders", file)
    assert again.http.get("/orders/cn-1010").json() == before
    assert "29 orders taken, 1 rows left out" in again.said
    assert "cn-1019 is delivered without a delivery date" in again.said
    assert again.stop() == 0


def test_sigterm_lets_a_held_call_go(tmp_path: Path) -> None:
    world = RunningWorld(tmp_path)
    order = world.put_order()
    world.script(kind="order", fault="timeout_before")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(httpx.get, f"{world.url}/orders/{order['order_id']}", timeout=20, trust_env=False)
        while not world.http.get("/script").json()["fired"]:
            assert not held.done()
        assert world.stop() == 0
        assert held.result(10).status_code == 504


def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = _run("--port", str(taken.getsockname()[1]), "--data", str(tmp_path))
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr


@pytest.mark.parametrize("orders", ["missing.ndjson", "."])
def test_an_unreadable_order_file_is_said_in_a_sentence(tmp_path: Path, orders: str) -> None:
    done = _run("--port", "0", "--data", str(tmp_path / "data"), "--orders", str(tmp_path / orders))
    assert done.returncode == 1
    assert "check --orders" in done.stderr
    assert "Traceback" not in done.stderr


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )
