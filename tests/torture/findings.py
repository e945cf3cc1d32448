"""A counter-example: the dispute, the rule that does not hold, the key, and the two sides that disagree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`rule` is a short stable word for tests; `one` and `other` are the two sides as they were found."""

    rule: str
    dispute_id: str
    one: str
    other: str
    key: str = "-"

    def __str__(self) -> str:
        return (
            f"{self.rule}: dispute {self.dispute_id}, command {self.key}\n    {self.one[:600]}\n    {self.other[:600]}"
        )
