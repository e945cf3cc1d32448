"""The texts of notices: complete in both languages, amounts and instants written as each language does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from domain.dispute import Outcome, WaitKind
from domain.forecast import Silence
from domain.money import Money
from domain.notices import Body, EndTopic, notices
from domain.policy import Reason
from domain.refusals import Language
from starter.texts import ENDINGS, SILENCES, TURNS, render
from tests.outlook.conftest import Intent, intents, opened, situations, walked

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")


def turn(topic: WaitKind | EndTopic = WaitKind.FIRST_ANSWER, amount: Money | None = None, **more: object) -> Body:
    body = Body(
        topic=topic,
        dispute_id="dispute-1",
        order_id="order-1",
        reason=Reason.LATE,
        amount=amount or Money(amount_minor=1234_50, currency="CNY"),
        until=datetime(2026, 11, 22, 8, 0, tzinfo=UTC),
        offset_seconds=8 * 3600,
        silence=Silence.CLAIM_ACCEPTED,
    )
    return body.model_copy(update=more)


@pytest.mark.parametrize("topic", TURNS)
@pytest.mark.parametrize("silence", Silence)
def test_every_turn_and_silence_has_a_complete_text(topic: WaitKind, silence: Silence) -> None:
    for language in LANGUAGES:
        text = render(turn(topic, silence=silence), language)
        assert "order-1" in text
        assert "1,234.50" in text
        assert text.endswith(SILENCES[silence][language])
        assert "{" not in text


@pytest.mark.parametrize("outcome", Outcome)
def test_every_ending_has_a_text(outcome: Outcome) -> None:
    assert set(ENDINGS) == set(Outcome)
    for language in LANGUAGES:
        ended = render(turn(topic="ended", outcome=outcome, silence=None, until=None), language)
        assert "order-1" in ended
        assert "{" not in ended


def test_a_reminder_reads_well_in_both_languages() -> None:
    body = turn(left="24h")
    assert render(body, "en") == (
        "Reminder: 24 hours left. The buyer asks for CN¥1,234.50 back on order order-1. Please accept, refuse with a "
        "reason, or make an offer by 22 November 2026, 16:00 (GMT+08:00). Without an answer by then the claim counts "
        "as accepted."
    )
    assert render(body, "zh-CN") == (
        "提醒：还剩24小时。买家就订单 order-1 提出退款 ¥1,234.50 的诉求。请在2026年11月22日16:00（GMT+08:00）之前接受、"
        "说明理由拒绝，或提出方案。逾期未答复，视为接受诉求。"
    )


def test_a_moved_deadline_says_why() -> None:
    assert render(turn(extended=True), "en").startswith("The platform was late itself, so your time has been extended.")


@pytest.mark.parametrize(
    ("minor", "currency", "zh", "en"),
    [
        (1234, "JPY", "JP¥1,234", "¥1,234"),
        (1234567, "KWD", "KWD1,234.567", "KWD1,234.567"),
        (123450, "BRL", "R$1,234.50", "R$1,234.50"),
        (2**53 - 1, "CNY", "¥90,071,992,547,409.91", "CN¥90,071,992,547,409.91"),
    ],
)
def test_amounts_have_their_currencys_decimals(minor: int, currency: str, zh: str, en: str) -> None:
    body = turn(amount=Money(amount_minor=minor, currency=currency))
    # Babel keeps a code and its number together with a space that does not break.
    assert zh in render(body, "zh-CN").replace("\u00a0", "")
    assert en in render(body, "en").replace("\u00a0", "")


def test_order_events_have_no_text() -> None:
    with pytest.raises(ValueError, match="told in values"):
        render(turn(topic="opened"), "en")


@settings(max_examples=40, deadline=None)
@given(situations, intents)
def test_whatever_the_core_tells_a_party_has_a_text(situation: tuple[int, str], plan: list[Intent]) -> None:
    dispute, event = opened(*situation)
    sent = list(notices(None, dispute, (event,)))
    for _, before, events, after in walked(dispute, plan):
        sent += notices(before, after, events)
    for notice in sent:
        if notice.kind != "order_event":
            stored = Body.model_validate_json(notice.body.model_dump_json())
            assert all(render(stored, language) for language in LANGUAGES)
