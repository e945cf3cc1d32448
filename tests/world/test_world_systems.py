"""What each system does: orders, parcels as of an instant, refunds once and never too much, messages once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.world.running import RunningWorld


def test_an_order_is_added_once(world: RunningWorld) -> None:
    order = world.put_order()
    path = f"/orders/{order['order_id']}"
    assert world.http.put(path, json=order).status_code == 200
    elsewhere = order | {"purchased_at": "2026-11-01T16:00:00+08:00"}
    assert world.http.put(path, json=elsewhere).status_code == 200, "the same instant written in another zone"
    other = world.http.put(path, json=order | {"buyer_id": "buyer-2"})
    assert (other.status_code, other.json()["code"]) == (409, "order_exists")
    assert world.http.get(path).json() == order
    assert world.http.get("/orders/none").json()["code"] == "order_not_found"


def test_ids_belong_to_one_order(world: RunningWorld) -> None:
    order = world.put_order()
    for part, code in (("payments", "payment_exists"), ("parcels", "parcel_exists")):
        path = f"/orders/{order['order_id']}-{part}"
        thief = order | {"order_id": path.removeprefix("/orders/"), "payments": [], "parcels": [], part: order[part]}
        answer = world.http.put(path, json=thief)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert world.http.get(path).status_code == 404


def test_orders_are_listed_in_pages(world: RunningWorld) -> None:
    for _ in range(3):
        world.put_order()
    everything = world.http.get("/orders", params={"limit": 1000}).json()["data"]
    pages: list[str] = []
    while True:
        query = {"limit": "2"} | ({"starting_after": pages[-1]} if pages else {})
        page = world.http.get("/orders", params=query).json()
        pages += page["data"]
        if not page["has_more"]:
            break
    assert pages == everything == sorted(everything)


def parcel(world: RunningWorld, parcel_id: str, at: str, direction: str = "out") -> dict[str, Any]:
    answer = world.http.get(f"/parcels/{parcel_id}", params={"direction": direction}, headers={"X-Test-Clock": at})
    document: dict[str, Any] = answer.raise_for_status().json()
    assert document["as_of"] == at
    return document


def test_a_parcel_is_told_as_of_the_call(world: RunningWorld) -> None:
    parcel_id = world.put_order()["parcels"][0]["parcel_id"]
    assert parcel(world, parcel_id, "2026-11-20T00:00:00Z")["state"] == "label_created"
    facts = {"first_scan_at": "2026-11-02T08:00:00Z", "last_scan_at": "2026-11-04T08:00:00Z"}
    facts["delivered_at"] = "2026-11-05T08:00:00Z"
    world.http.put(f"/parcels/{parcel_id}", json={"state": "delivered"} | facts).raise_for_status()
    assert parcel(world, parcel_id, "2026-11-02T07:59:59Z")["state"] == "label_created"
    assert parcel(world, parcel_id, "2026-11-03T00:00:00Z")["last_scan_at"] == facts["first_scan_at"]
    moving = parcel(world, parcel_id, "2026-11-05T07:59:59Z")
    assert (moving["state"], moving["delivered_at"]) == ("in_transit", None)
    assert moving["last_scan_at"] == facts["last_scan_at"]
    there = parcel(world, parcel_id, "2026-11-05T08:00:00Z")
    assert there | facts | {"last_scan_at": facts["delivered_at"]} == there
    assert there["state"] == "delivered"
    assert parcel(world, parcel_id, "2026-11-05T08:00:00Z", "back")["state"] == "unknown"


def test_unknown_since_an_instant(world: RunningWorld) -> None:
    facts = {"direction": "back", "state": "unknown", "since": "2026-11-03T00:00:00Z"}
    facts["first_scan_at"] = "2026-11-02T00:00:00Z"
    world.http.put("/parcels/silent", json=facts).raise_for_status()
    assert parcel(world, "silent", "2026-11-02T12:00:00Z", "back")["state"] == "in_transit"
    lost_sight = parcel(world, "silent", "2026-11-04T00:00:00Z", "back")
    assert (lost_sight["state"], lost_sight["since"]) == ("unknown", "2026-11-03T00:00:00Z")
    at = {"X-Test-Clock": "2026-11-06T00:00:00Z"}
    world.http.put("/parcels/silent", json={"direction": "back", "state": "lost"}, headers=at).raise_for_status()
    assert parcel(world, "silent", "2026-11-05T23:59:59Z", "back")["state"] == "label_created"
    assert parcel(world, "silent", "2026-11-06T00:00:00Z", "back")["state"] == "lost"
    assert [told["state"] for told in world.books()["parcels"] if told["parcel_id"] == "silent"] == ["lost"]


def refund(world: RunningWorld, key: str, payment_id: str, /, **changes: Any) -> httpx.Response:
    body = {"payment_id": payment_id, "amount_minor": 1000, "currency": "CNY", "reference": f"{key}:leg"} | changes
    return world.http.post("/refunds", json=body, headers={"Idempotency-Key": key})


def test_a_key_is_one_refund(world: RunningWorld) -> None:
    payment_id = world.put_order()["payments"][0]["payment_id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refund(world, "one-key", payment_id).json(), range(24)))
    assert all(answer == answers[0] for answer in answers)
    assert len(world.books(reference="one-key:leg")["refunds"]) == 1
    for changes in ({"amount_minor": 999}, {"reference": "other"}, {"payment_id": "other"}, {"currency": "BRL"}):
        answer = refund(world, "one-key", payment_id, **changes)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert world.http.get(f"/payments/{payment_id}").json()["refunded_minor"] == 1000


def test_refunds_never_exceed_the_payment(world: RunningWorld) -> None:
    payment_id = world.put_order()["payments"][0]["payment_id"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: refund(world, f"cap-{payment_id}-{n}", payment_id), range(25)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [409] * 15
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"amount_exceeds_payment"}
    refused = next(n for n, answer in enumerate(answers) if answer.status_code == 409)
    assert world.http.get("/refunds", params={"idempotency_key": f"cap-{payment_id}-{refused}"}).status_code == 404


def test_refusals_of_a_refund(world: RunningWorld) -> None:
    payment_id = world.put_order()["payments"][0]["payment_id"]
    assert refund(world, "no-payment", "none").json()["code"] == "payment_not_found"
    assert refund(world, "no-currency", payment_id, currency="JPY").json()["code"] == "currency_mismatch"
    body = {"payment_id": payment_id, "amount_minor": 1, "currency": "CNY", "reference": "r"}
    assert world.http.post("/refunds", json=body).json()["code"] == "idempotency_key_missing"
    assert world.http.get("/payments/none").json()["code"] == "payment_not_found"


def test_messages_are_kept_once_and_found_by_dispute(world: RunningWorld) -> None:
    order = world.put_order()
    notice = {
        "notice_id": "n-1",
        "to": {"role": "seller", "id": "seller-1"},
        "kind": "opened",
        "dispute_id": "d-7",
        "text": {"zh-CN": "新的纠纷", "en": "A new dispute"},
        "at": "2026-11-22T08:00:00Z",
    }
    event = {"event_id": "e-1", "kind": "opened", "dispute_id": "d-7", "order_id": order["order_id"], "body": {"n": 1}}
    at = {"X-Test-Clock": "2026-11-22T09:00:00Z"}
    for path, message, other in (
        ("/notices", notice, {"kind": "closed"}),
        ("/order-events", event, {"body": {}}),
    ):
        first = world.http.post(path, json=message, headers=at)
        again = world.http.post(path, json=message)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        assert world.http.post(path, json=message | other).status_code == 409
    books = world.books(dispute_id="d-7")
    assert books["notices"] == [notice | {"received_at": "2026-11-22T09:00:00Z"}]
    assert books["order_events"] == [event | {"received_at": "2026-11-22T09:00:00Z"}]
    assert world.books(dispute_id="d-8")["notices"] == []
    assert world.http.post("/order-events", json=event | {"event_id": "e-2", "order_id": "none"}).status_code == 404


def test_the_books_find_refunds_by_dispute(world: RunningWorld) -> None:
    payment_id = world.put_order()["payments"][0]["payment_id"]
    for reference in ("d-9:refund", "d-99:refund", "d-9"):
        assert refund(world, f"key-{reference}", payment_id, reference=reference).status_code == 200
    found = [refund["reference"] for refund in world.books(dispute_id="d-9")["refunds"]]
    assert found == ["d-9:refund", "d-9"]


def test_the_script_is_spent_in_order_and_by_match(world: RunningWorld) -> None:
    one, two = world.put_order()["order_id"], world.put_order()["order_id"]
    calls = [
        {"kind": "order", "fault": "error_500", "match": {"order_id": two}},
        {"kind": "order", "fault": "rate_limited", "times": 2},
    ]
    world.http.put("/script", json={"calls": calls}).raise_for_status()
    seen = [world.http.get(f"/orders/{order_id}").status_code for order_id in (one, two, two, one)]
    assert seen == [429, 500, 429, 200]
    script = world.http.get("/script").json()
    assert script["left"] == []
    assert [(fired["fault"], fired["call"]["order_id"]) for fired in script["fired"]] == [
        ("rate_limited", one),
        ("error_500", two),
        ("rate_limited", two),
    ]
