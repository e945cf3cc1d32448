"""How the demo speaks: amounts and times for people, colours on a terminal only."""

from __future__ import annotations

import io
import os
import pty
from datetime import UTC, datetime, timedelta

import pytest

from domain.forecast import Silence
from domain.money import Money
from starter.demo.voice import SILENCE, Voice, money, when

OPENED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(15_000, "CNY", "CN¥150.00"), (9_800, "JPY", "¥9,800"), (1_234, "KWD", "KWD1.234")],
)
def test_amounts_have_the_places_of_their_currency(minor: int, currency: str, shown: str) -> None:
    assert money(Money(amount_minor=minor, currency=currency)) == shown


@pytest.mark.parametrize(
    ("later", "shown"),
    [
        (timedelta(seconds=59), "day 0, 00:00"),
        (timedelta(days=2, minutes=90), "day 2, 01:30"),
        (timedelta(seconds=-1), "day 0, 00:00"),
    ],
)
def test_times_count_from_the_opening(later: timedelta, shown: str) -> None:
    assert when(OPENED, OPENED + later) == shown


def test_every_meaning_of_silence_has_words() -> None:
    assert set(SILENCE) == set(Silence)


def test_a_pipe_gets_plain_text_without_trailing_blanks() -> None:
    pipe = io.StringIO()
    speak(Voice(pipe))
    text = pipe.getvalue()
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert max(map(len, text.splitlines())) <= 100


def test_no_color_is_respected_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[36m" in on_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[36m" not in on_terminal()


def on_terminal() -> str:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        speak(Voice(terminal))
        terminal.flush()
        shown = os.read(ours, 65_536).decode()
    os.close(ours)
    return shown


def speak(voice: Voice) -> None:
    voice.heading("Story")
    voice.line("day 0, 00:00", "Buyer", "asks for something. " * 12)
    voice.table(("A", "AMOUNT"), [("short", "1"), ("much longer", "1,000")], numbers=("AMOUNT",))
