"""The shipped policies: complete, compact, and strict about what they do not know."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import policies.shipped
from domain.canonical import canonical
from domain.order import Goods
from domain.policy import Amounts, Clocks, Limits, Policy, Reason, ReasonRule
from policies.shipped import PolicyError, load, load_file
from policies.working_days import calendar

DEFAULT = Path(policies.shipped.__file__).with_name("marketplace-default.toml")
OPTIONAL_IN_A_REASON = {"silence_accepts", "asks_buyer", "asks_seller"}


def test_the_default_document_states_every_field() -> None:
    written = tomllib.loads(DEFAULT.read_text(encoding="utf-8"))
    assert set(written) == set(Policy.model_fields)
    assert set(written["clocks"]) == set(Clocks.model_fields)
    assert set(written["limits"]) == set(Limits.model_fields)
    assert set(written["silence_accepts"]) == {goods.value for goods in Goods}
    assert set(written["reasons"]) == {reason.value for reason in Reason}
    for amounts in written["amounts"].values():
        assert set(amounts) == set(Amounts.model_fields)
    for rule in written["reasons"].values():
        assert set(rule) >= set(ReasonRule.model_fields) - OPTIONAL_IN_A_REASON


@pytest.mark.parametrize(
    ("clock", "time"),
    [
        ("first_answer_unshipped", "48h"),
        ("first_answer", "5d"),
        ("after_refusal", "5d"),
        ("offer", "72h"),
        ("negotiation", "7d"),
        ("complaint_answer", "72h"),
        ("review_target", "72h"),
        ("review_hard", "7d"),
        ("lease", "24h"),
        ("confirmation", "72h"),
        ("appeal_target", "5wd"),
        ("appeal_cap", "14d"),
        ("refund_manual", "5wd"),
        ("cap_alarm", "45d"),
        ("cap", "60d"),
    ],
)
def test_the_default_has_the_protocols_times(clock: str, time: str) -> None:
    assert getattr(load().clocks, clock) == time


def test_the_default_has_the_protocols_amounts() -> None:
    cny = load().amounts["CNY"]
    assert (cny.fraud_least, cny.bulk, load().limits.fraud_times) == (500_00, 6_000_00, 3)
    assert set(load().amounts) == {"CNY", "BRL", "USD", "EUR", "JPY", "KWD"}


def test_silence_never_accepts_counterfeit_or_fraud() -> None:
    refused = {reason for reason, rule in load().reasons.items() if not rule.silence_accepts}
    assert refused == {Reason.COUNTERFEIT, Reason.ESCROW_EVASION}


def test_the_test_policy_differs_only_where_it_says() -> None:
    default, test = load().model_dump(), load("marketplace-test").model_dump()
    default["policy_id"] = "marketplace-test"
    default["clocks"]["late_after"] = "1s"
    assert test == default
    assert load("marketplace-test").digest != load().digest


@pytest.mark.parametrize("market", ["CN", "BR", "elsewhere"])
def test_policy_and_calendar_travel_in_16_kilobytes(market: str) -> None:
    pinned = canonical(load()) + canonical(calendar(market, datetime(2026, 11, 22, tzinfo=UTC)))
    assert len(pinned.encode()) <= 16 * 1024


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[clocks]\nconfirmaton = "1h"', "clocks.confirmaton"),
        ("[amounts.CNY]\nbig = 1", "amounts.CNY.big"),
        ("[reasons.late]\nsilent = true", "reasons.late.silent"),
        ("colour = 1", "colour"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_it(document: Callable[[str], Path], text: str, key: str) -> None:
    path = document('based_on = "marketplace-default"\n' + text)
    with pytest.raises(PolicyError, match=f"the key {key} is not known"):
        load_file(path)


def test_a_value_that_does_not_fit_is_an_error_that_names_it(document: Callable[[str], Path]) -> None:
    path = document('based_on = "marketplace-default"\n[clocks]\noffer = "3 days"')
    with pytest.raises(PolicyError, match=r"the value of clocks\.offer does not fit"):
        load_file(path)


def test_an_overlay_stands_on_a_whole_document(document: Callable[[str], Path]) -> None:
    with pytest.raises(PolicyError, match="base it on marketplace-default"):
        load_file(document('based_on = "marketplace-test"'))
    with pytest.raises(PolicyError, match="choose one of marketplace-default, marketplace-test"):
        load_file(document('based_on = "nothing"'))


def test_a_file_that_cannot_be_read_is_a_sentence(document: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read as a TOML document"):
        load_file(document("= nothing"))
    with pytest.raises(PolicyError, match="cannot be read as a TOML document"):
        load_file(tmp_path / "missing.toml")


def test_a_lacking_key_is_an_error_that_names_it(document: Callable[[str], Path]) -> None:
    whole = DEFAULT.read_text(encoding="utf-8").replace('cap = "60d"\n', "")
    with pytest.raises(PolicyError, match=r"clocks\.cap "):
        load_file(document(whole))
