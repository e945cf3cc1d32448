"""Whatever is sent, the answer is a problem with a code, and the world goes on."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.world.running import RunningWorld, an_order

BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 422),
    "no json": (b"{", 422),
    "a list": (b"[]", 422),
    "null": (b"null", 422),
    "not utf-8": (b"\xff\xfe\x00", 422),
    "deep": (b"[" * 60_000, 422),
    "deep object": (b'{"body":' * 5000, 422),
    "lone surrogate": (b'{"payment_id":"\\ud800"}', 422),
    "nan": (b'{"amount_minor":NaN}', 422),
    "endless number": (b'{"amount_minor":' + b"9" * 60_000 + b"}", 422),
    "just too large": (b" " * (64 * 1024 + 1), 413),
    "3 MB": (b"x" * 3_000_000, 413),
}
CALLS = [
    ("PUT", "/orders/o-1"),
    ("POST", "/order-events"),
    ("PUT", "/parcels/p-1"),
    ("POST", "/refunds"),
    ("POST", "/notices"),
    ("PUT", "/script"),
]


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["code"] == code
    assert document["detail"]
    return document


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("method", "path"), CALLS, ids=[path for _, path in CALLS])
def test_any_body_is_met_with_a_problem(world: RunningWorld, method: str, path: str, body: str) -> None:
    content, status = BODIES[body]
    answer = world.http.request(method, path, content=content, headers={"Idempotency-Key": "k"})
    problem(answer, status, "body_too_large" if status == 413 else "invalid_request")
    assert world.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_minor", 0),
        ("amount_minor", -1),
        ("amount_minor", 10**30),
        ("amount_minor", 1.0),
        ("amount_minor", True),
        ("amount_minor", "100"),
        ("amount_minor", None),
        ("currency", "cny"),
        ("payment_id", "a\x00b"),
        ("payment_id", ""),
        ("payment_id", ["x"]),
        ("reference", "x" * 200),
        ("surprise", 1),
    ],
)
def test_a_wrong_field_of_a_refund_is_named(world: RunningWorld, field: str, value: object) -> None:
    body = {"payment_id": "p", "amount_minor": 1, "currency": "CNY", "reference": "r"} | {field: value}
    answer = world.http.post("/refunds", json=body, headers={"Idempotency-Key": "k"})
    assert [error["field"] for error in problem(answer, 422, "invalid_request")["errors"]] == [field]


@pytest.mark.parametrize("value", ["1e999", "NaN", "-Infinity"])
def test_numbers_that_are_none_are_refused_in_free_bodies(world: RunningWorld, value: str) -> None:
    order = world.put_order()
    event = {"event_id": "e", "kind": "opened", "dispute_id": "d", "order_id": order["order_id"], "body": {"x": 0}}
    content = json.dumps(event).replace('"x": 0', f'"x": {value}')
    problem(world.http.post("/order-events", content=content), 422, "invalid_request")


@pytest.mark.parametrize("clock", ["now", "", "2026-11-22", "2026-11-22T08:00:00", "1e9", "0001-01-01T00:00:00+14:00"])
def test_a_clock_that_is_none(world: RunningWorld, clock: str) -> None:
    answer = world.http.get("/parcels/p-1", headers={"X-Test-Clock": clock})
    problem(answer, 422, "invalid_test_clock")


@pytest.mark.parametrize(
    "path",
    [
        "/orders/%00",
        "/orders/%ff",
        "/orders/" + "x" * 500,
        "/orders?limit=0",
        "/orders?limit=" + "9" * 5000,
        "/orders?limit=x",
        "/orders?starting_after=%00",
        "/parcels/p?direction=up",
        "/refunds",
        "/refunds?idempotency_key=%00",
        "/refunds?idempotency_key=%ED%A0%80",
        "/books?dispute_id=%00",
    ],
)
def test_paths_and_queries_of_rubbish(world: RunningWorld, path: str) -> None:
    problem(world.http.get(path), 422, "invalid_request")


def test_unknown_paths_and_methods(world: RunningWorld) -> None:
    problem(world.http.get("/warehouse"), 404, "no_such_path")
    problem(world.http.delete("/orders"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "changes",
    [
        {"paid_at": "2026-10-31T00:00:00Z"},
        {"promised_by": "2026-10-31T00:00:00Z"},
        {"lines": an_order("x")["lines"] * 2},
        {"payments": an_order("x")["payments"] * 2},
        {"parcels": [{"parcel_id": "p", "lines": [9], "carrier": "c", "tracking": "t"}]},
        {"parcels": [{"parcel_id": "p", "lines": [1, 1], "carrier": "c", "tracking": "t"}]},
        {"order_id": "another"},
        {"purchased_at": 0},
    ],
)
def test_an_order_that_makes_no_sense(world: RunningWorld, changes: dict[str, Any]) -> None:
    problem(world.http.put("/orders/o-1", json=an_order("o-1") | changes), 422, "invalid_request")


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "in_transit"},
        {"state": "delivered", "first_scan_at": "2026-11-02T00:00:00Z"},
        {"state": "delivered", "first_scan_at": "2026-11-02T00:00:00Z", "delivered_at": "2026-11-01T00:00:00Z"},
        {"state": "lost", "last_scan_at": "2026-11-02T00:00:00Z"},
        {"state": "label_created", "first_scan_at": "2026-11-02T00:00:00Z"},
        {"state": "in_transit", "first_scan_at": "2026-11-02T00:00:00Z", "since": "2026-11-02T00:00:00Z"},
        {"state": "eaten"},
    ],
)
def test_a_parcel_that_makes_no_sense(world: RunningWorld, facts: dict[str, str]) -> None:
    problem(world.http.put("/parcels/p-1", json=facts), 422, "invalid_request")


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "chargeback", "fault": "error_500"},
        {"kind": "refund", "fault": "twice"},
        {"kind": "refund", "fault": "late"},
        {"kind": "refund", "fault": "error_500", "delay_seconds": 1},
        {"kind": "refund", "fault": "late", "delay_seconds": 61},
        {"kind": "order", "fault": "other_amount"},
        {"kind": "order", "fault": "error_500", "match": {"payment_id": "p"}},
        {"kind": "order", "fault": "error_500", "times": 0},
    ],
)
def test_a_script_it_cannot_play_is_refused(world: RunningWorld, entry: dict[str, Any]) -> None:
    problem(world.http.put("/script", json={"calls": [entry]}), 422, "invalid_request")
