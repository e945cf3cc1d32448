"""A world as the process it is in real life: started, asked, stopped in order or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
_READY = "sandbox world ready on "
_numbers = count(1)


class RunningWorld:
    """`python -m sandbox` on a free port with its books in `data`."""

    def __init__(self, data: Path, *arguments: str) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._log = data / "stderr.log"
        self._log.write_text("")
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sandbox", "--port", "0", "--data", str(data), *arguments],
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self.http = httpx.Client(timeout=10, trust_env=False)
        try:
            self.url = self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        self.http.base_url = httpx.URL(self.url)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def _wait_until_ready(self) -> str:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = [line for line in self.said.splitlines(keepends=True) if line.startswith(_READY)]
            if ready and ready[0].endswith("\n"):
                return ready[0].removeprefix(_READY).strip()
            time.sleep(0.02)
        raise AssertionError(f"the world did not start: {self.said}")

    def kill(self) -> None:
        """kill -9."""
        self.http.close()
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def put_order(self, **changes: Any) -> dict[str, Any]:
        """Adds an order nobody else uses, with one payment of 100.00 CNY and one parcel."""
        order_id = f"order-{next(_numbers)}"
        order = an_order(order_id) | changes
        answer = self.http.put(f"/orders/{order_id}", json=order)
        assert answer.status_code == 201, answer.text
        return order

    def script(self, **entry: Any) -> None:
        answer = self.http.put("/script", json={"calls": [entry]})
        assert answer.status_code == 200, answer.text

    def books(self, **query: str) -> dict[str, Any]:
        books: dict[str, Any] = self.http.get("/books", params=query).raise_for_status().json()
        return books


def an_order(order_id: str) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "currency": "CNY",
        "market": "CN",
        "buyer_id": "buyer-1",
        "status": "shipped",
        "purchased_at": "2026-11-01T08:00:00Z",
        "paid_at": "2026-11-01T08:01:00Z",
        "promised_by": "2026-11-08T16:00:00Z",
        "lines": [
            {
                "line": 1,
                "sku": "tea",
                "seller_id": "seller-1",
                "kind": "physical",
                "quantity": 2,
                "unit_price_minor": 4500,
                "freight_minor": 1000,
                "ship_by": "2026-11-03T08:00:00Z",
            }
        ],
        "payments": [{"payment_id": f"pay-{order_id}", "method": "wallet", "amount_minor": 10_000}],
        "selling_rules": {"version": "cn-1", "no_reason_return_days": 7},
        "parcels": [{"parcel_id": f"par-{order_id}", "lines": [1], "carrier": "sandbox-express", "tracking": "SX1"}],
    }
