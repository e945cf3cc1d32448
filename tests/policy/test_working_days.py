"""The pinned calendar: working days, make-up days and clock changes of a market, checked against the time zone data."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from domain.working_time import after
from policies.working_days import calendar

MAKE_UP_DAYS_2026 = {
    date(2026, 1, 4),
    date(2026, 2, 14),
    date(2026, 2, 28),
    date(2026, 5, 9),
    date(2026, 9, 20),
    date(2026, 10, 10),
}


def test_china_works_on_its_make_up_days() -> None:
    pinned = calendar("CN", datetime(2026, 1, 1, 2, tzinfo=UTC))
    assert {day for day in pinned.on if day.year == 2026} == MAKE_UP_DAYS_2026
    assert all(pinned.works(day) for day in MAKE_UP_DAYS_2026)
    assert not pinned.works(date(2026, 2, 17))
    assert not pinned.works(date(2026, 10, 1))


def test_working_days_step_over_the_spring_festival() -> None:
    # Thursday 12 February, 10:00 in Shanghai; Saturday 14 is worked, 15 to 23 is free.
    start = datetime(2026, 2, 12, 2, tzinfo=UTC)
    assert after(start, "5wd", calendar("CN", start)) == datetime(2026, 2, 26, 2, tzinfo=UTC)


def test_brazil_has_its_own_holidays_and_no_make_up_days() -> None:
    pinned = calendar("BR", datetime(2026, 11, 22, tzinfo=UTC))
    assert not pinned.works(date(2026, 12, 25))
    assert pinned.on == ()


def test_another_market_knows_weekends_only() -> None:
    pinned = calendar("a-market-with-a-rather-long-name-of-its-own", datetime(2026, 11, 22, tzinfo=UTC))
    assert (pinned.off, pinned.on) == ((), ())
    assert pinned.calendar_id.startswith("weekends-2026-11-21-")


@pytest.mark.parametrize(
    ("market", "at"), [("CN", datetime(2026, 3, 1, 17, tzinfo=UTC)), ("BR", datetime(2018, 6, 1, 1, tzinfo=UTC))]
)
def test_it_spans_400_days_from_the_local_day_before(market: str, at: datetime) -> None:
    pinned = calendar(market, at)
    local = at.astimezone(ZoneInfo({"CN": "Asia/Shanghai", "BR": "America/Sao_Paulo"}[market])).date()
    assert pinned.first == local - timedelta(days=1)
    assert pinned.until == pinned.first + timedelta(days=399)


def test_offsets_are_those_of_the_time_zone_at_every_hour() -> None:
    # 2018/19 is the last year in which Brazil changed its clocks.
    pinned = calendar("BR", datetime(2018, 6, 2, tzinfo=UTC))
    assert [change.seconds for change in pinned.offsets] == [-10800, -7200, -10800]
    zone = ZoneInfo("America/Sao_Paulo")
    rows = [*pinned.offsets, None]
    for change, following in pairwise(rows):
        assert change is not None
        instant = change.since
        end = following.since if following else datetime(2019, 7, 4, tzinfo=UTC)
        while instant < end:
            offset = instant.astimezone(zone).utcoffset()
            assert offset == timedelta(seconds=change.seconds), instant
            instant += timedelta(hours=1)
        if following:
            assert (following.since - timedelta(seconds=1)).astimezone(zone).utcoffset() == timedelta(
                seconds=change.seconds
            )


def test_the_same_day_gives_the_same_calendar() -> None:
    assert calendar("CN", datetime(2026, 3, 1, 1, tzinfo=UTC)) == calendar("CN", datetime(2026, 3, 1, 9, tzinfo=UTC))
