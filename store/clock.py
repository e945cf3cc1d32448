"""Time as disputes see it: PostgreSQL's clock, plus an offset for disputes on a test clock."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from store.database import Database
from store.errors import NotFound, RealClock


async def intake_now(database: Database) -> datetime:
    """PostgreSQL's clock, in UTC; what an `open` is received at."""
    rows = await database.fetch("select clock_timestamp() as now", {})
    now = rows[0]["now"]
    assert isinstance(now, datetime)
    return now


async def dispute_now(database: Database, dispute_id: UUID) -> datetime:
    """The dispute's own clock, in UTC.

    Raises:
        NotFound: no such dispute.
    """
    rows = await database.fetch(
        "select dispute_now(d) as now from disputes d where dispute_id = %(dispute)s", {"dispute": dispute_id}
    )
    if not rows:
        raise NotFound("dispute", dispute_id)
    now = rows[0]["now"]
    assert isinstance(now, datetime)
    return now


async def set_clock(database: Database, dispute_id: UUID, virtual_now: datetime) -> None:
    """Move a test clock forward to `virtual_now`; a clock that is past it stays as it is.

    Raises:
        NotFound: no such dispute.
        RealClock: the dispute does not run on a test clock.
    """
    answer = await database.call("set_clock", {"dispute_id": str(dispute_id), "virtual_now": virtual_now.isoformat()})
    match answer["kind"]:
        case "not_found":
            raise NotFound("dispute", dispute_id)
        case "real_clock":
            raise RealClock(dispute_id)
