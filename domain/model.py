"""The two kinds of pydantic model everything else is made of, and the texts and identifiers they carry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints


def _storable(text: str) -> str:
    """Refuses what PostgreSQL text and UTF-8 cannot carry; everything else a person typed is kept as it is."""
    if "\x00" in text:
        raise ValueError("a text must not contain the NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text must not contain half of a surrogate pair")
    return text


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("an instant lies outside the calendar") from None


Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}$")]
"""An opaque id of an order, a party, a command: never a name, an address or anything personal."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_storable)]
"""What a person wrote: 1 to 2,000 characters (protocol-notes, part 1, F53)."""

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)]

Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An aware instant, kept in UTC."""


class Frozen(BaseModel):
    """State and events: never changed in place; unknown fields of a newer version are ignored (house, The core)."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Strict(BaseModel):
    """What people and backends send: never changed in place, unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
