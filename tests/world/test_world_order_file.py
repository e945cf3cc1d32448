"""Order files: every row is an order that makes sense, or a sentence."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.order_file import Complaint, Loaded, load, read_row
from sandbox.world import World
from tests.world.running import ROOT

OWN = ROOT / "sandbox" / "orders" / "marketplace.ndjson"
REAL = Path(os.environ.get("DISPUTES_ORDERS", ROOT.parent / "shared" / "data" / "olist-orders.ndjson.gz"))
FILES = [path for path in (OWN, REAL) if path.exists()]
EPOCH = datetime(2026, 11, 22, 8, tzinfo=UTC)


def rows_of(path: Path) -> list[bytes]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        return file.read().splitlines()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_row_is_a_consistent_order_or_a_complaint(path: Path) -> None:
    rows, accepted, unnamed = rows_of(path), 0, 0
    for row in rows:
        raw = json.loads(row)
        try:
            loaded = read_row(row, EPOCH)
        except Complaint as complaint:
            unnamed += raw["order_id"] not in str(complaint)
            continue
        accepted += 1
        check(loaded, raw)
    assert unnamed == 0
    assert len(rows) * 0.95 < accepted < len(rows)


def check(loaded: Loaded, raw: dict[str, Any]) -> None:
    order, scans = loaded
    assert sum(payment.amount_minor for payment in order.payments) == sum(p["amount_minor"] for p in raw["payments"])
    assert [line.unit_price_minor for line in order.lines] == [line["price_minor"] for line in raw["lines"]]
    if order.paid_at is not None:
        assert order.purchased_at <= order.paid_at
    packed = {number: parcel.parcel_id for parcel in order.parcels for number in parcel.lines}
    for line in order.lines:
        assert (line.line in packed) == (line.kind == "physical" and bool(order.parcels))
    for parcel in order.parcels:
        assert len({line.seller_id for line in order.lines if line.line in parcel.lines}) == 1
        facts = scans.get(parcel.parcel_id)
        assert (facts is None) == (raw["handed_to_carrier_at"] is None)
        if facts is not None:
            assert facts.first_scan_at is not None
            assert (order.paid_at or order.purchased_at) <= facts.first_scan_at
            assert (facts.delivered_at is not None) == (order.status == "delivered")
            assert facts.first_scan_at <= (facts.delivered_at or EPOCH)
    latest = [order.purchased_at, order.paid_at, *(facts.delivered_at for facts in scans.values())]
    assert all(instant <= EPOCH - timedelta(hours=24) for instant in latest if instant is not None)
    if raw["delivered_at"] is None:
        assert order.promised_by <= EPOCH - timedelta(hours=24)
    if not raw["reviews"] and raw["delivered_at"] is None:
        assert max(order.promised_by, order.purchased_at) >= EPOCH - timedelta(days=60)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_loading_twice_adds_nothing_and_complains_of_nothing_new(path: Path, tmp_path: Path) -> None:
    world = World(tmp_path)
    first = load(world, path, rebase=True)
    assert load(world, path, rebase=True) == first
    assert first[0] + len(first[1]) == len(rows_of(path))
    assert world.sql.execute("select count(*) from orders").fetchone()[0] == first[0]
    world.close()


def test_a_delivered_order_is_moved_by_one_offset_without_its_promise() -> None:
    row = own_row("cn-1010")
    plain, moved = read_row(row, None), read_row(row, EPOCH)
    assert plain.order.purchased_at == datetime(2026, 2, 1, 2, tzinfo=UTC), "Shanghai is eight hours ahead"
    (was,), (now,) = plain.scans.values(), moved.scans.values()
    assert was.delivered_at
    assert now.delivered_at
    shift = now.delivered_at - was.delivered_at
    assert timedelta(hours=24) <= EPOCH - now.delivered_at <= timedelta(hours=72)
    assert moved.order.purchased_at - plain.order.purchased_at == shift
    assert moved.order.promised_by - plain.order.promised_by == shift
    assert moved.order.lines[0].ship_by == plain.order.lines[0].ship_by + shift  # type: ignore[operator]


def test_brazilian_times_know_summer_time() -> None:
    winter = own_row("br-2004", purchased_at="2018-07-01T12:00:00", approved_at="2018-07-01T12:00:00")
    summer = own_row("br-2004", purchased_at="2018-01-15T12:00:00", approved_at="2018-01-15T12:00:00")
    assert read_row(winter, None).order.purchased_at == datetime(2018, 7, 1, 15, tzinfo=UTC)
    assert read_row(summer, None).order.purchased_at == datetime(2018, 1, 15, 14, tzinfo=UTC)


def test_several_sellers_send_several_parcels_and_virtual_goods_none() -> None:
    order = read_row(own_row("cn-1009"), EPOCH).order
    assert [parcel.lines for parcel in order.parcels] == [(1,), (2, 3)]
    mixed = read_row(own_row("cn-1015"), EPOCH).order
    assert [parcel.lines for parcel in mixed.parcels] == [(1,)]
    assert read_row(own_row("cn-1016"), EPOCH).order.parcels == ()


def test_a_click_is_a_label_without_a_scan() -> None:
    loaded = read_row(own_row("cn-1006"), EPOCH)
    assert len(loaded.order.parcels) == 1
    assert loaded.scans == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delivered_at": None}, "delivered without a delivery date"),
        ({"handed_to_carrier_at": None}, "without having been handed"),
        ({"handed_to_carrier_at": "2026-02-01T10:00:10"}, "handed to a carrier before it was approved"),
        ({"delivered_at": "2026-02-02T11:00:00"}, "delivered before it was handed"),
        ({"approved_at": "2026-02-01T09:00:00"}, "approved before it was purchased"),
        ({"status": "canceled"}, "has a delivery date and is canceled"),
        ({"status": "invoiced", "delivered_at": None}, "is only invoiced"),
        ({"promised_by": "2026-01-01T00:00:00"}, "promised for a time before its purchase"),
        ({"status": "eaten"}, "status"),
        ({"lines": []}, "lines"),
        ({"purchased_at": "2026-02-01T10:00:00Z"}, "no zone"),
        ({"purchased_at": "0001-01-01T00:00:00"}, "2000 to 2200"),
        ({"purchased_at": 5}, "purchased_at"),
        ({"order_id": "a\x00b"}, "order_id"),
        ({"payments": [{"type": "wallet", "amount_minor": 10**30}]}, "amount_minor"),
        ({"payments": [{"type": "wallet", "amount_minor": 1.5}]}, "amount_minor"),
    ],
)
def test_a_contradiction_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Complaint, match=words):
        read_row(own_row("cn-1010", **changes), EPOCH)


@pytest.mark.parametrize(
    "row", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"order_id": "\\ud800"}', b"7" * 5000]
)
def test_a_row_of_rubbish_is_a_complaint(row: bytes) -> None:
    with pytest.raises(Complaint):
        read_row(row, EPOCH)


def test_a_damaged_file_gives_what_came_before_the_damage(tmp_path: Path) -> None:
    whole = gzip.compress(b"\n".join(rows_of(OWN)) + b"\n")
    (tmp_path / "cut.ndjson.gz").write_bytes(whole[:-200])
    world = World(tmp_path / "data")
    taken, complaints = load(world, tmp_path / "cut.ndjson.gz", rebase=True)
    assert 0 < taken < 29
    assert "damaged from here on" in complaints[-1]
    world.close()


def test_other_content_under_a_known_id_is_a_complaint_and_leaves_nothing_behind(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    changed = own_row("cn-1010", payments=[{"type": "wallet", "amount_minor": 1}])
    (tmp_path / "two.ndjson").write_bytes(own_row("cn-1010") + b"\n" + changed + b"\n")
    taken, complaints = load(world, tmp_path / "two.ndjson", rebase=True)
    assert taken == 1
    assert "other content" in complaints[0]
    world.close()


def own_row(own_id: str, /, **changes: Any) -> bytes:
    (row,) = (row for row in rows_of(OWN) if json.loads(row)["order_id"] == own_id)
    return json.dumps(json.loads(row) | changes).encode()
