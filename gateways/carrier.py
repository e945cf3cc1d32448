"""The carrier: where a parcel is, with `unknown` as an answer of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from urllib.parse import quote

from pydantic import AwareDatetime, ValidationError

from domain.order import ParcelFact
from gateways.errors import Mismatch, Unavailable
from gateways.line import Line, Wire


class _Parcel(Wire):
    parcel_id: str
    direction: str
    state: Literal["unknown", "label_created", "in_transit", "delivered", "lost"]
    first_scan_at: AwareDatetime | None
    last_scan_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    as_of: AwareDatetime


class Carrier(Line):
    """Parcels by id, on their way out or back."""

    def __init__(self, base_url: str, *, connect_seconds: float = 2.0, total_seconds: float = 5.0) -> None:
        super().__init__("carrier", base_url, connect_seconds=connect_seconds, total_seconds=total_seconds)

    async def parcel(self, parcel_id: str, direction: Literal["out", "back"], *, at: datetime | None) -> ParcelFact:
        """What the carrier says of the parcel; without data that is state `unknown`, never "not delivered".

        Raises Unavailable in an outage: then too the fact is unknown, which its caller records (protocol, Facts are
        three-valued). Raises Rejected, and Mismatch when another parcel comes back.
        """
        path = f"/parcels/{quote(parcel_id, safe='')}"
        told = await self.read(path, _Parcel, at=at, query={"direction": direction})
        if (told.parcel_id, told.direction) != (parcel_id, direction):
            raise Mismatch(self.system, f"asked for parcel {parcel_id} ({direction}) and got another")
        try:
            return ParcelFact(**told.model_dump())
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise Unavailable(self.system, f"parcel {parcel_id} cannot be read: {first['msg']}") from None
