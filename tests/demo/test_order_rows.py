"""Which orders the demo disputes, and how: decided by the file's content alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from domain.policy import Reason
from starter.cli.running import SAMPLE_ORDERS
from starter.demo.order_rows import Candidate, Course, OrderFile, Situation, Unreadable, choose, read_orders


def chosen(file: OrderFile) -> list[Candidate]:
    return choose(file, {row.order_id for row in file.rows})


def written(folder: Path, *rows: object) -> Path:
    path = folder / "orders.ndjson"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def order(order_id: str, **fields: object) -> dict[str, object]:
    line = {"line": 1, "seller_id": f"seller of {order_id}", "price_minor": 900, "freight_minor": 100}
    return {"order_id": order_id, "promised_by": "2026-03-10T00:00:00", "lines": [line], "currency": "CNY", **fields}


def test_the_same_content_gives_the_same_choice_plain_or_gzipped(tmp_path: Path) -> None:
    zipped = tmp_path / "orders.ndjson.gz"
    zipped.write_bytes(gzip.compress(SAMPLE_ORDERS.read_bytes()))
    plain = read_orders(SAMPLE_ORDERS)
    assert read_orders(zipped) == plain
    assert chosen(read_orders(zipped)) == chosen(plain)


def test_other_content_gives_another_seed_and_another_choice(tmp_path: Path) -> None:
    one = read_orders(written(tmp_path, *(order(f"order-{number}") for number in range(50))))
    other = read_orders(written(tmp_path, *(order(f"order-{number}") for number in range(51))))
    assert one.seed != other.seed
    known = {row.order_id for row in one.rows}
    assert [candidate.row.order_id for candidate in choose(one, known)] != [
        candidate.row.order_id for candidate in choose(other, known)
    ]


def test_every_complaint_and_course_is_among_the_first_and_sellers_come_one_by_one() -> None:
    first = chosen(read_orders(SAMPLE_ORDERS))[:20]
    assert {candidate.row.situation for candidate in first} >= set(Situation) - {Situation.CONTENT}
    assert {candidate.course for candidate in first} == set(Course)
    unshipped = [candidate for candidate in first if candidate.row.situation is Situation.UNSHIPPED]
    sellers = [candidate.row.lines[0].seller_id for candidate in unshipped]
    assert len(set(sellers[:4])) == 4


def test_reason_and_amount_follow_from_the_order_and_its_review(tmp_path: Path) -> None:
    sent = {"handed_to_carrier_at": "2026-03-02T00:00:00"}
    in_time, late = sent | {"delivered_at": "2026-03-09T00:00:00"}, sent | {"delivered_at": "2026-03-12T00:00:00"}
    rows = [
        order("unshipped"),
        order("on-its-way", **sent),
        order("late", **late),
        order("broken", **in_time, reviews=[{"score": 5}, {"score": 1}]),
        order("content", **in_time, reviews=[{"score": 5}]),
    ]
    found = {one.row.order_id: (one.reason, one.ask_minor) for one in chosen(read_orders(written(tmp_path, *rows)))}
    assert found == {
        "unshipped": (Reason.NOT_SHIPPED, None),
        "on-its-way": (Reason.NOT_RECEIVED, None),
        "late": (Reason.LATE, 100),
        "broken": (Reason.DEFECTIVE, None),
        "content": (Reason.CHANGE_OF_MIND, None),
    }


def test_orders_that_the_outside_world_left_out_are_not_chosen() -> None:
    file = read_orders(SAMPLE_ORDERS)
    assert [candidate.row.order_id for candidate in choose(file, {"cn-1001"})] == ["cn-1001"]


def test_broken_rows_and_a_damaged_archive_leave_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, order("good"), "{", '"a text"', "[]", '{"order_id": 7}', order("good too"))
    assert [row.order_id for row in read_orders(path).rows] == ["good", "good too"]
    damaged = tmp_path / "damaged.ndjson.gz"
    damaged.write_bytes(gzip.compress(SAMPLE_ORDERS.read_bytes())[:-2000])
    assert len(read_orders(damaged).rows) < len(read_orders(SAMPLE_ORDERS).rows)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"nowhere\.ndjson.*check --orders"):
        read_orders(tmp_path / "nowhere.ndjson")
