"""The pinned calendar and the arithmetic of durations: hours, days of 24 hours, and working days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from domain.model import Frozen, Identifier, Instant

Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3}(ms|s|m|h|d|wd)$")]
"""`72h`, `5d` (a day is 24 hours), `5wd` (working days of the pinned calendar), `1s` and `500ms` for test policies."""

_UNIT = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


class OffsetChange(Frozen):
    """From `since` on, local time is UTC plus `seconds`."""

    since: Instant
    seconds: int


class Calendar(Frozen):
    """Working days of one market over a span of 400 days, computed outside and pinned (house, The core).

    `off` are weekdays without work, `on` weekend days with work (make-up days); offsets carry the time zone, so that
    no time zone data is read while a dispute runs. Beyond `until` only weekends count as free.
    """

    calendar_id: Identifier
    first: date
    until: date
    offsets: Annotated[tuple[OffsetChange, ...], Field(min_length=1)]
    off: tuple[date, ...] = ()
    on: tuple[date, ...] = ()

    def works(self, day: date) -> bool:
        return day in self.on or (day.weekday() < 5 and day not in self.off)

    def local_offset(self, instant: datetime) -> timedelta:
        """What the market's local time adds to UTC at `instant`."""
        known = [change for change in self.offsets if change.since <= instant] or [self.offsets[0]]
        return timedelta(seconds=known[-1].seconds)


def after(start: datetime, duration: Duration, calendar: Calendar) -> datetime:
    """The instant `duration` after `start` (aware, UTC): working days keep the local time of day of `start`."""
    if not duration.endswith("wd"):
        return start + span(duration)
    local = start + calendar.local_offset(start)
    day, left = local.date(), int(duration[:-2])
    while left:
        day += timedelta(days=1)
        left -= calendar.works(day)
    end = datetime.combine(day, local.time(), tzinfo=start.tzinfo)
    return end - calendar.local_offset(end - calendar.local_offset(start))


def span(duration: Duration) -> timedelta:
    """The length of a duration that needs no calendar; raises ValueError for working days."""
    unit = duration.lstrip("0123456789")
    if unit not in _UNIT:
        raise ValueError(f"{duration} is counted in working days and has no fixed length")
    return int(duration.removesuffix(unit)) * _UNIT[unit]


def rfc3339(instant: datetime) -> str:
    """An aware instant as people and answers read it: RFC 3339 in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
