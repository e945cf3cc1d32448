"""Builds the calendar that is pinned in a dispute: working days and clock offsets of a market for 400 days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from domain.working_time import Calendar, OffsetChange

_DAYS = 400
_EDITION = version("holidays")


class _Market(NamedTuple):
    """Where a market's working days are counted: its time zone, and whose public holidays are free."""

    zone: str
    country: str | None


_MARKETS = {"CN": _Market("Asia/Shanghai", "CN"), "BR": _Market("America/Sao_Paulo", "BR")}
_ELSEWHERE = _Market("UTC", None)
"""A market without a holiday table of ours: only weekends are free."""


def calendar(market: str, at: datetime) -> Calendar:
    """The calendar of `market` (`CN`, `BR`, any other: weekends only, UTC) from the day before `at` (aware), 400 days.

    Its id names the edition of the holiday table, so that a later edition can be told from the one that was pinned.
    Years whose make-up working days are not published yet have none.
    """
    where = _MARKETS.get(market, _ELSEWHERE)
    zone = ZoneInfo(where.zone)
    first = at.astimezone(zone).date() - timedelta(days=1)
    days = [first + timedelta(days=number) for number in range(_DAYS)]
    working = _working_days(where.country, days[0], days[-1])
    return Calendar(
        calendar_id=f"{market if market in _MARKETS else 'weekends'}-{first}-{_EDITION}",
        first=first,
        until=days[-1],
        offsets=_offsets(zone, days[0], days[-1]),
        off=tuple(day for day in days if day.weekday() < 5 and day not in working),
        on=tuple(day for day in days if day.weekday() >= 5 and day in working),
    )


@lru_cache(maxsize=32)
def _working_days(country: str | None, first: date, last: date) -> frozenset[date]:
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if country is None:
        return frozenset(day for day in days if day.weekday() < 5)
    table = holidays.country_holidays(country, years=range(first.year, last.year + 1))
    return frozenset(day for day in days if table.is_working_day(day))


def _offsets(zone: ZoneInfo, first: date, last: date) -> tuple[OffsetChange, ...]:
    """The zone's offset at the start of `first` (UTC) and every change until the end of `last`, to the second."""

    def seconds(instant: datetime) -> int:
        offset = instant.astimezone(zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    # The local first day may begin before midnight UTC.
    start = datetime.combine(first, time(), tzinfo=UTC) - timedelta(days=1)
    changes = [OffsetChange(since=start, seconds=seconds(start))]
    for number in range((last - first).days + 2):
        before, behind = start + timedelta(days=number), start + timedelta(days=number + 1)
        if seconds(before) == seconds(behind):
            continue
        while behind - before > timedelta(seconds=1):
            middle = before + (behind - before) // 2
            before, behind = (middle, behind) if seconds(middle) == seconds(before) else (before, middle)
        since = behind.replace(microsecond=0)
        changes.append(OffsetChange(since=since, seconds=seconds(since)))
    return tuple(changes)
