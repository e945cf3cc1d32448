"""Integer minor units with a currency, and the one way to split them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StrictInt, StringConstraints

from domain.model import Strict

MAX_MINOR = 2**53 - 1
"""The largest amount: what canonical JSON (RFC 8785) can carry exactly."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
MinorUnits = Annotated[StrictInt, Field(ge=0, le=MAX_MINOR)]


class Money(Strict):
    """An amount of zero or more minor units (fen, cents, yen) in one ISO 4217 currency; never a float."""

    amount_minor: MinorUnits
    currency: Currency

    def __add__(self, other: Money) -> Money:
        return Money(amount_minor=self.amount_minor + self._same(other), currency=self.currency)

    def __ge__(self, other: Money) -> bool:
        return self.amount_minor >= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount_minor > self._same(other)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be reckoned together")
        return other.amount_minor


def allocate(amount_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Splits `amount_minor` (minor units, >= 0) in proportion to `weights` (>= 0, not all zero).

    The parts add up to the whole; what rounding leaves goes one unit each to the largest remainders, the earlier
    part first. Raises ValueError for weights that cannot carry the amount.
    """
    whole = sum(weights)
    if whole <= 0 or amount_minor < 0 or any(weight < 0 for weight in weights):
        raise ValueError("an amount is split by weights that are not negative and not all zero")
    parts = [amount_minor * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount_minor * weights[i] % whole), i))
    for i in by_remainder[: amount_minor - sum(parts)]:
        parts[i] += 1
    return tuple(parts)
