"""Opening: which claims fit which orders, groups and their sums, and orders that contradict themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.commands import Actor, DisputedLine, Open
from domain.events import Opened
from domain.money import Money
from domain.opening import open_cases
from domain.order import Goods, OrderSnapshot, Parcel, ParcelFact, carried, paid_by, paid_for
from domain.policy import Policy, Reason
from domain.refusals import Code, Refused
from policies.shipped import load
from tests.core.casework import BUYER, CALENDAR, DAY, HOUR, OPERATOR, SELLER, SYSTEM, T0, an_order, fact, line, money


def claim(
    *lines: tuple[int, int | None], reason: Reason = Reason.NOT_AS_DESCRIBED, amount: Money | None = None, **more: str
) -> Open:
    named = tuple(DisputedLine(line=number, quantity=units) for number, units in lines or ((1, None),))
    return Open(order_id="ord-1", lines=named, reason=reason, amount=amount, statement="It is broken.", **more)


def opening(
    policy: Policy,
    command: Open,
    order: OrderSnapshot | None = None,
    parcels: tuple[ParcelFact, ...] = (fact(),),
    *,
    actor: Actor = BUYER,
    at: datetime = T0,
) -> tuple[Opened, ...]:
    ids = count(1)
    return open_cases(command, actor, order or an_order(), parcels, policy, CALENDAR, at, lambda: f"d-{next(ids)}")


def refused(policy: Policy, *args: Any, **more: Any) -> tuple[Code, dict[str, str | int]]:
    with pytest.raises(Refused) as refusal:
        opening(policy, *args, **more)
    return refusal.value.code, refusal.value.detail


def test_a_claim_asks_for_what_was_paid_for_its_lines(policy: Policy) -> None:
    (case,) = opening(policy, claim(), an_order(line(freight_minor=500), line(2, 3_000)))
    assert (case.dispute_id, case.seller_id, case.claim.goods) == ("d-1", SELLER.id, Goods.DELIVERED)
    assert case.claim.lines == ((1, 1),)
    assert case.claim.disputed == case.claim.terms.amount == money(10_500)
    assert {wait.wait_id: wait.until - T0 for wait in case.began} == {
        "first_answer": 5 * DAY,
        "negotiation": 7 * DAY,
        "cap_alarm": 45 * DAY,
        "cap": 60 * DAY,
    }
    assert case.parcel_facts == (fact(),)
    assert case.policy_digest == policy.digest


def test_one_case_for_each_seller_parcel_and_state(policy: Policy) -> None:
    order = an_order(
        line(1, 1_000),
        line(2, 2_000),
        line(3, 3_000, seller_id="s-2"),
        line(4, 4_000, kind="virtual"),
        line(5, 5_000),
        parcels=(
            Parcel(parcel_id="p1", lines=(1, 2), carrier="sf"),
            Parcel(parcel_id="p2", lines=(3,), carrier="sf"),
            Parcel(parcel_id="p3", lines=(5,), carrier="sf"),
        ),
    )
    lines = tuple((number, None) for number in range(1, 6))
    command = claim(*lines, reason=Reason.PROMISE_NOT_KEPT, amount=money(1_501))
    cases = opening(policy, command, order, (fact(), fact("in_transit", "p2")))
    assert [(case.dispute_id, case.claim.lines, case.claim.goods, case.claim.disputed) for case in cases] == [
        ("d-1", ((1, 1), (2, 1)), Goods.DELIVERED, money(3_000)),
        ("d-2", ((3, 1),), Goods.SHIPPED, money(3_000)),
        ("d-3", ((4, 1),), Goods.VIRTUAL, money(4_000)),
        ("d-4", ((5, 1),), Goods.UNKNOWN, money(5_000)),
    ]
    assert sum(case.claim.terms.amount.amount_minor for case in cases) == 1_501


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (claim((9, None)), Code.LINE_NOT_FOUND),
        (claim((1, 2)), Code.LINE_NOT_FOUND),
        (claim((1, 1), (1, 1)), Code.LINE_NOT_FOUND),
        (claim(remedy="exchange"), Code.REMEDY_NOT_OFFERED),
        (claim(amount=money(10_001)), Code.OFFER_EXCEEDS_FROZEN),
        (claim(amount=money(10_000, "USD")), Code.WRONG_CURRENCY),
        (claim(amount=money(0)), Code.NOTHING_REFUNDABLE),
        (claim(reason=Reason.NOT_RECEIVED), Code.REASON_DOES_NOT_FIT),
        (claim(reason=Reason.NOT_SHIPPED), Code.REASON_DOES_NOT_FIT),
        (claim(reason=Reason.ENTITLEMENT_UNUSABLE), Code.REASON_DOES_NOT_FIT),
        (claim(reason=Reason.LATE), Code.REASON_DOES_NOT_FIT),  # it came a day before the promise
    ],
)
def test_claims_that_do_not_fit_are_refused(command: Open, code: Code, policy: Policy) -> None:
    assert refused(policy, command)[0] is code


def test_only_the_buyer_or_the_system_for_it_opens(policy: Policy) -> None:
    assert refused(policy, claim(), actor=Actor(role=BUYER.role, id="b-2"))[0] is Code.NOT_A_PARTY
    assert refused(policy, claim(), actor=SELLER)[0] is Code.NOT_YOUR_ROLE
    assert refused(policy, claim(), actor=OPERATOR)[0] is Code.NOT_YOUR_ROLE
    assert opening(policy, claim(), actor=SYSTEM)[0].by == SYSTEM


def test_money_that_was_not_paid_is_not_disputed(policy: Policy) -> None:
    assert refused(policy, claim(), an_order(paid_at=None, parcels=()))[0] is Code.NOT_PAID
    assert refused(policy, claim(), an_order(paid_at=T0 + DAY, parcels=()), ())[0] is Code.NOT_PAID
    assert refused(policy, claim(), an_order(paid=()))[0] is Code.NOTHING_REFUNDABLE
    assert refused(policy, claim(), an_order(line(price=0)))[0] is Code.NOTHING_REFUNDABLE
    assert refused(policy, claim(), an_order(currency="XTS"))[0] is Code.CURRENCY_NOT_OFFERED


@pytest.mark.parametrize(
    ("reason", "state", "order", "first"),
    [
        (Reason.NOT_SHIPPED, "label_created", {"paid_at": T0}, T0 + 48 * HOUR),
        (Reason.NOT_SHIPPED, "label_created", {"paid_at": T0, "ship_by": T0 + 9 * DAY}, T0 + 9 * DAY),
        (Reason.NOT_SHIPPED, "label_created", {"paid_at": T0, "ship_by": T0 - DAY}, T0 + 48 * HOUR),
        (Reason.NOT_RECEIVED, "in_transit", {"promised_by": T0 + DAY}, T0 + DAY),
        (Reason.NOT_RECEIVED, "in_transit", {"promised_by": T0 + 30 * DAY}, T0 + 5 * DAY),  # scanned at T0 - 5 d
        (Reason.NOT_RECEIVED, "in_transit", {"promised_by": None}, T0 + 5 * DAY),
        (Reason.NOT_RECEIVED, "label_created", {"promised_by": None, "paid_at": T0}, T0 + 10 * DAY),
        (Reason.LATE, "in_transit", {"promised_by": T0 + DAY}, T0 + DAY),
    ],
)
def test_some_reasons_have_to_wait(
    reason: Reason, state: str, order: dict[str, Any], first: datetime, policy: Policy
) -> None:
    fields = dict(order)
    the_order = an_order(line(ship_by=fields.pop("ship_by", None)), **fields)
    command, parcels = claim(reason=reason), (fact(state),)
    told = {"until": first.strftime("%Y-%m-%dT%H:%M:%SZ")}
    early = first - timedelta(seconds=1)
    assert refused(policy, command, the_order, parcels, at=early) == (Code.TOO_EARLY, told)
    assert opening(policy, command, the_order, parcels, at=first)


def test_a_lost_parcel_does_not_wait(policy: Policy) -> None:
    order = an_order(promised_by=T0 + 30 * DAY)
    assert opening(policy, claim(reason=Reason.NOT_RECEIVED), order, (fact("lost"),))


def test_a_line_sent_twice_is_where_its_last_parcel_is(policy: Policy) -> None:
    parcels = tuple(Parcel(parcel_id=name, lines=(1,), carrier="sf") for name in ("p1", "p2"))
    facts = (fact("delivered", "p1"), fact("in_transit", "p2"))
    (case,) = opening(policy, claim(reason=Reason.NOT_RECEIVED), an_order(parcels=parcels), facts)
    assert (case.claim.goods, case.parcel_facts) == (Goods.SHIPPED, (facts[1],))


def test_a_parcel_that_moves_waits_longer(policy: Policy) -> None:
    order, moving = an_order(promised_by=None), fact("in_transit", last_scan_at=T0 - DAY)
    code, detail = refused(policy, claim(reason=Reason.NOT_RECEIVED), order, (moving,))
    assert (code, detail) == (Code.TOO_EARLY, {"until": "2026-03-11T09:00:00Z"})


@pytest.mark.parametrize(
    ("reason", "ended", "window"),
    [
        (Reason.NOT_AS_DESCRIBED, None, 13 * DAY),  # delivered at T0 - 2 d
        (Reason.CHANGE_OF_MIND, None, 5 * DAY),
        (Reason.NOT_AS_DESCRIBED, T0, 15 * DAY),
        (Reason.NOT_AS_DESCRIBED, T0 - 9 * DAY, 13 * DAY),  # ended before it came: the arrival counts
    ],
)
def test_windows_end(reason: Reason, ended: datetime | None, window: timedelta, policy: Policy) -> None:
    order = an_order(trade_ended_at=ended)
    last = T0 + window
    assert opening(policy, claim(reason=reason), order, at=last)
    told = {"until": last.strftime("%Y-%m-%dT%H:%M:%SZ")}
    over = last + timedelta(seconds=1)
    assert refused(policy, claim(reason=reason), order, at=over) == (Code.WINDOW_OVER, told)


@pytest.mark.parametrize(
    ("parcels", "order", "reason", "goods"),
    [
        ((fact(delivered_at=None),), {}, Reason.DEFECTIVE, Goods.DELIVERED),  # delivered, no date
        ((fact("delivered", first_scan_at=None),), {}, Reason.DEFECTIVE, Goods.DELIVERED),
        ((fact(),), {"paid_at": None}, Reason.DEFECTIVE, Goods.DELIVERED),  # paid in fact, the date is missing
        ((fact(),), {"paid_at": T0 + DAY}, Reason.DEFECTIVE, Goods.DELIVERED),  # carried before it was approved
        ((fact("in_transit", first_scan_at=None),), {}, Reason.NOT_RECEIVED, Goods.SHIPPED),
        ((fact(delivered_at=T0 + DAY),), {}, Reason.NOT_RECEIVED, Goods.SHIPPED),
        ((), {}, Reason.NOT_RECEIVED, Goods.UNKNOWN),  # a parcel the carrier says nothing of
        ((), {}, Reason.DEFECTIVE, Goods.UNKNOWN),
        ((fact(),), {"parcels": ()}, Reason.NOT_SHIPPED, Goods.UNSHIPPED),  # a fact of nobody's parcel
    ],
)
def test_orders_that_contradict_themselves_are_read(
    parcels: tuple[ParcelFact, ...], order: dict[str, Any], reason: Reason, goods: Goods, policy: Policy
) -> None:
    (case,) = opening(policy, claim(reason=reason), an_order(**order), parcels)
    assert case.claim.goods is goods


instants = st.none() | st.integers(-30, 30).map(lambda days: T0 + days * DAY)


@given(
    reason=st.sampled_from(Reason),
    state=st.sampled_from(["unknown", "label_created", "in_transit", "delivered", "lost"]),
    dates=st.fixed_dictionaries({"paid_at": instants, "promised_by": instants, "trade_ended_at": instants}),
    scans=st.fixed_dictionaries({"first_scan_at": instants, "last_scan_at": instants, "delivered_at": instants}),
    ship_by=instants,
    paid=st.lists(st.integers(0, 2**53 - 1), max_size=3),
    price=st.sampled_from([0, 1, 10_000, 2**53 - 1]),
    kind=st.sampled_from(["physical", "virtual"]),
    units=st.sampled_from([None, 1, 2, 3]),
)
def test_whatever_the_order_says_opening_answers_or_refuses(
    reason: Reason,
    state: str,
    dates: dict[str, Any],
    scans: dict[str, Any],
    ship_by: datetime | None,
    paid: list[int],
    price: int,
    kind: str,
    units: int | None,
) -> None:
    order = an_order(line(price=price, quantity=2, ship_by=ship_by, kind=kind), paid=paid, **dates)
    try:
        (case,) = opening(load(), claim((1, units), reason=reason), order, (fact(state, **scans),))
    except Refused:
        return
    assert 0 < case.claim.disputed.amount_minor <= sum(paid)


prices = st.tuples(st.integers(0, 10**6), st.integers(1, 9), st.integers(0, 10**4))


@given(goods=st.lists(prices, min_size=1, max_size=5), paid=st.lists(st.integers(0, 10**7), max_size=3), data=st.data())
def test_the_parts_of_an_order_never_come_to_more_than_was_paid(
    goods: list[tuple[int, int, int]], paid: list[int], data: st.DataObject
) -> None:
    lines = [
        line(number, price, quantity=units, freight_minor=freight)
        for number, (price, units, freight) in enumerate(goods, start=1)
    ]
    order = an_order(*lines, paid=paid)
    cases = []
    for each in lines:
        left = each.quantity
        while left:
            units = data.draw(st.integers(1, left))
            cases.append(paid_for(((each, units),), order).amount_minor)
            left -= units
    assert sum(cases) <= sum(paid)
    whole = paid_for(tuple((each, each.quantity) for each in lines), order).amount_minor
    assert whole == min(sum(paid), sum(each.unit_price_minor * each.quantity + each.freight_minor for each in lines))


@pytest.mark.parametrize(
    ("told", "goods"),
    [
        (fact("delivered", first_scan_at=None, delivered_at=T0 + timedelta(minutes=1)), Goods.UNKNOWN),
        (fact("unknown", last_scan_at=T0 - DAY), Goods.SHIPPED),
        (fact("label_created"), Goods.UNSHIPPED),
        (fact("in_transit", first_scan_at=T0 + DAY), Goods.UNSHIPPED),
        (fact("unknown"), Goods.UNKNOWN),
    ],
)
def test_unshipped_is_only_what_the_carrier_has_not_scanned(told: ParcelFact, goods: Goods) -> None:
    assert carried(told, T0) is goods


def test_disputes_about_the_lines_of_an_order_fit_into_its_payments() -> None:
    order = an_order(line(1, 33), line(2, 33), line(3, 34), paid=[50, 50])
    parts = [paid_by((number,), order) for number in (1, 2, 3)]
    assert parts == [(33, 0), (17, 16), (0, 34)]
    assert paid_by((1, 2, 3), order) == (50, 50)


@given(
    prices=st.lists(st.integers(0, 10_000), min_size=1, max_size=6),
    paid=st.lists(st.integers(0, 10_000), min_size=1, max_size=4),
)
def test_no_payment_is_asked_for_more_than_it_holds(prices: list[int], paid: list[int]) -> None:
    order = an_order(*(line(number, price) for number, price in enumerate(prices, start=1)), paid=paid)
    parts = [paid_by((each.line,), order) for each in order.lines]
    for each, part in zip(order.lines, parts, strict=True):
        assert sum(part) == paid_for(((each, 1),), order).amount_minor
    assert all(sum(of_one) <= amount for of_one, amount in zip(zip(*parts, strict=True), paid, strict=True))


NEVER = datetime(9999, 12, 31, tzinfo=UTC)


def test_an_end_that_stands_for_never_ends_nothing(policy: Policy) -> None:
    assert opening(policy, claim(reason=Reason.DEFECTIVE), an_order(trade_ended_at=NEVER))


def test_a_scan_that_lies_ahead_is_no_movement(policy: Policy) -> None:
    moving = fact("in_transit", first_scan_at=T0 - 11 * DAY, last_scan_at=NEVER)
    assert opening(policy, claim(reason=Reason.NOT_RECEIVED), an_order(promised_by=None), (moving,))


def test_an_instant_outside_the_calendar_is_an_error_in_words() -> None:
    with pytest.raises(ValidationError, match="outside the calendar"):
        an_order(trade_ended_at="0001-01-01T00:00:00+08:00")
