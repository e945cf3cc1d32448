"""Durations: hours and days of 24 hours, working days with holidays and make-up days, and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.working_time import Calendar, OffsetChange, after, rfc3339, span

FIRST = datetime(2026, 1, 1, tzinfo=UTC)

SHANGHAI = Calendar(
    calendar_id="cn-made-up",
    first=date(2026, 1, 1),
    until=date(2027, 2, 4),
    offsets=(OffsetChange(since=FIRST, seconds=8 * 3600),),
    off=(date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7)),
    on=(date(2026, 10, 10),),  # a Saturday that is worked
)
BERLIN = Calendar(
    calendar_id="de-made-up",
    first=date(2026, 1, 1),
    until=date(2027, 2, 4),
    offsets=(
        OffsetChange(since=FIRST, seconds=3600),
        OffsetChange(since=datetime(2026, 3, 29, 1, tzinfo=UTC), seconds=7200),
        OffsetChange(since=datetime(2026, 10, 25, 1, tzinfo=UTC), seconds=3600),
    ),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("duration", "length"),
    [("500ms", 0.5), ("1s", 1), ("10m", 600), ("72h", 259_200), ("5d", 432_000)],
)
def test_durations_without_a_calendar(duration: str, length: float) -> None:
    assert span(duration) == timedelta(seconds=length)
    assert after(utc(2026, 3, 28, 12), duration, BERLIN) == utc(2026, 3, 28, 12) + timedelta(seconds=length)


def test_working_days_have_no_fixed_length() -> None:
    with pytest.raises(ValueError, match="5wd"):
        span("5wd")


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        (utc(2026, 3, 2, 9), "5wd", utc(2026, 3, 9, 9)),  # Monday to Monday
        (utc(2026, 3, 6, 9), "1wd", utc(2026, 3, 9, 9)),  # Friday to Monday
        (utc(2026, 3, 7, 9), "1wd", utc(2026, 3, 9, 9)),  # begun on a Saturday
        (utc(2026, 9, 30, 9), "1wd", utc(2026, 10, 8, 9)),  # over the holidays
        (utc(2026, 9, 30, 9), "3wd", utc(2026, 10, 10, 9)),  # the make-up Saturday counts
        (utc(2026, 3, 5, 17), "1wd", utc(2026, 3, 8, 17)),  # 01:00 on Friday there: Monday 01:00
        (utc(2027, 2, 5, 9), "5wd", utc(2027, 2, 12, 9)),  # behind the calendar only weekends are free
    ],
)
def test_working_days_follow_the_market(start: datetime, duration: str, end: datetime) -> None:
    assert after(start, duration, SHANGHAI) == end


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (utc(2026, 3, 27, 11), utc(2026, 3, 30, 10)),  # 12:00 before, 12:00 after the clocks went forward
        (utc(2026, 10, 23, 10), utc(2026, 10, 26, 11)),  # and back
    ],
)
def test_working_days_keep_the_time_of_day_when_the_clocks_change(start: datetime, end: datetime) -> None:
    assert after(start, "1wd", BERLIN) == end


instants = st.integers(0, 333 * 86_400).map(lambda seconds: utc(2026, 1, 2) + timedelta(seconds=seconds))


@given(start=instants, days=st.integers(1, 20), calendar=st.sampled_from([SHANGHAI, BERLIN]))
def test_working_days_add_up_and_end_on_one(start: datetime, days: int, calendar: Calendar) -> None:
    end = after(start, f"{days}wd", calendar)
    assert end > start
    seconds = [change.seconds for change in calendar.offsets if change.since <= end][-1]
    assert calendar.works((end + timedelta(seconds=seconds)).date())
    steps = start
    for _ in range(days):
        steps = after(steps, "1wd", calendar)
    assert steps == end


def test_instants_are_told_in_utc() -> None:
    assert rfc3339(utc(2026, 3, 4, 9, 0, 0)) == "2026-03-04T09:00:00Z"
