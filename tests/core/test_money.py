"""Money: sums within one currency, and the one way to split."""

from __future__ import annotations

from fractions import Fraction

import pytest
from babel.numbers import get_currency_precision
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.canonical import canonical
from domain.money import MAX_MINOR, Money, allocate

CURRENCIES = ("JPY", "KRW", "CNY", "USD", "KWD", "TND")
amounts = st.integers(0, MAX_MINOR)
weights = st.lists(st.integers(0, MAX_MINOR), min_size=1, max_size=12).filter(any)


def test_the_currencies_here_have_zero_two_and_three_decimals() -> None:
    assert {get_currency_precision(currency) for currency in CURRENCIES} == {0, 2, 3}


@given(amount=amounts, by=weights)
@example(amount=10, by=[1, 1, 1])
@example(amount=MAX_MINOR, by=[1, 1])
def test_a_split_adds_up_and_is_fair(amount: int, by: list[int]) -> None:
    parts = allocate(amount, by)
    assert sum(parts) == amount
    for part, weight in zip(parts, by, strict=True):
        assert abs(part - Fraction(amount * weight, sum(by))) < 1
        assert amount > sum(by) or part <= weight


def test_what_rounding_leaves_goes_to_the_largest_remainders() -> None:
    assert allocate(10, (1, 1, 1)) == (4, 3, 3)
    assert allocate(100, (1, 2, 3)) == (17, 33, 50)
    assert allocate(1, (0, 1, 1)) == (0, 1, 0)


@pytest.mark.parametrize(("amount", "by"), [(-1, (1,)), (1, ()), (1, (0, 0)), (1, (2, -1))])
def test_what_cannot_be_split_is_an_error(amount: int, by: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="an amount is split"):
        allocate(amount, by)


@given(amount=amounts, currency=st.sampled_from(CURRENCIES))
def test_money_survives_canonical_json(amount: int, currency: str) -> None:
    money = Money(amount_minor=amount, currency=currency)
    assert Money.model_validate_json(canonical(money)) == money


@given(left=st.integers(0, MAX_MINOR // 2), right=st.integers(0, MAX_MINOR // 2), currency=st.sampled_from(CURRENCIES))
def test_sums_and_comparisons_are_those_of_the_minor_units(left: int, right: int, currency: str) -> None:
    one, other = Money(amount_minor=left, currency=currency), Money(amount_minor=right, currency=currency)
    assert (one + other).amount_minor == left + right
    assert (one >= other, one > other) == (left >= right, left > right)


def test_currencies_do_not_mix() -> None:
    one, other = Money(amount_minor=1, currency="CNY"), Money(amount_minor=1, currency="JPY")
    for mixed in (lambda: one + other, lambda: one >= other, lambda: one > other):
        with pytest.raises(ValueError, match="CNY and JPY"):
            mixed()


@pytest.mark.parametrize("amount", [1.0, 19.99, "100", True, -1, MAX_MINOR + 1])
def test_only_whole_minor_units_are_money(amount: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount_minor": amount, "currency": "CNY"})
