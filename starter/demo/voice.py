"""The voice of the demo: headings, who did what and when, tables; coloured on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from domain.commands import Role
from domain.forecast import Silence
from domain.money import Money
from domain.outlook import View
from starter.texts import amount_text

CLOCK, CRASH = "Clock", "Crash"
"""Who speaks when nobody does: time that is moved, a process that is killed."""

_WIDEST = 110
_PLAIN_WIDTH = 100
_WHEN, _WHO = 14, 8

_STYLES = {
    "Buyer": "cyan",
    "Seller": "magenta",
    "Arbiter": "yellow",
    "System": "green",
    CLOCK: "blue",
    CRASH: "bold red",
}

SILENCE: dict[Silence, str] = {
    Silence.CLAIM_ACCEPTED: "the claim counts as accepted",
    Silence.DISPUTE_LAPSES: "the dispute ends and nothing is paid back",
    Silence.OFFER_LAPSES: "the offer lapses; that is no consent",
    Silence.COMPLAINT_FILED: "the platform takes the case up in the buyer's name",
    Silence.REVIEW_BEGINS: "the case goes to an arbiter, without that answer",
    Silence.REVIEW_GOES_ON: "the review goes on without that answer",
    Silence.BACK_TO_QUEUE: "the case goes back to the arbiters' queue",
    Silence.PROPOSAL_CONFIRMED: "the decision counts as confirmed",
    Silence.DECISION_STANDS: "the last decision is carried out",
    Silence.PLATFORM_PAYS: "the platform decides for the buyer",
    Silence.PLATFORM_ALERTED: "people of the platform are alerted",
    Silence.REFUND_ASKED_AGAIN: "the payment provider is asked again",
}
"""What a clock that runs out does, in words for everybody."""


class Voice:
    """Writes to one stream; rich leaves colours out for `NO_COLOR` and where no terminal is."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        if self._console.is_terminal:
            self._console.width = min(self._console.width, _WIDEST)
        else:
            self._console.width = _PLAIN_WIDTH

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def say(self, text: str) -> None:
        """A paragraph of the teller's own."""
        self._fold(Text(), text, "")

    def link(self, text: str, address: str) -> None:
        """An address on a line of its own, never folded, so that it can be clicked or copied."""
        self._console.print(Text.assemble((f"{text} ", "dim"), address), soft_wrap=True)

    def line(self, when: str, who: str, text: str) -> None:
        """What somebody did, and when on the dispute's own clock."""
        style = _STYLES.get(who, "")
        self._fold(Text.assemble((f"{when:<{_WHEN}}", "dim"), (f"{who:<{_WHO}} ", style)), text, style)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
        """Rows under their headings; columns named in `numbers` stand right."""
        widths = [max(map(cell_len, cells)) for cells in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            cells = [
                (" " * (width - cell_len(cell)), cell) if column in numbers else (cell, " " * (width - cell_len(cell)))
                for column, cell, width in zip(columns, row, widths, strict=True)
            ]
            line = "  ".join("".join(parts) for parts in cells).rstrip()
            self._console.print(Text(line, style="bold" if row is columns else ""), soft_wrap=True)

    def _fold(self, begin: Text, text: str, style: str) -> None:
        indent = begin.cell_len
        body = Text(text, style=style if style == _STYLES[CRASH] else "")
        for line in body.wrap(self._console, max(20, self._console.width - indent)):
            line.rstrip()
            self._console.print(Text.assemble(begin, line), soft_wrap=True)
            begin = Text(" " * indent)


def money(money: Money) -> str:
    """An amount as people read it, such as CN¥150.00."""
    return amount_text(money, "en")


def when(since: datetime, at: datetime) -> str:
    """How long after the opening something happens, such as `day 2, 00:00`."""
    minutes = max(0, int((at - since).total_seconds()) // 60)
    return f"day {minutes // 1440}, {minutes // 60 % 24:02}:{minutes % 60:02}"


def turn(view: View) -> str:
    """Whose turn it is, until when, and what each one's silence means."""
    named = [deadline for deadline in view.deadlines if deadline.actor]
    roles = " and ".join(f"the {role}" for role in view.whose_turn if role is not Role.SYSTEM)
    told = [f"It is up to {roles or 'the platform'} now."]
    for deadline in named or view.deadlines[:1]:
        silent = " and ".join(f"the {role}" for role in deadline.actor) or "everybody"
        verb = "stay" if len(deadline.actor) > 1 else "stays"
        until = when(view.opened_at, deadline.at)
        told.append(f"If {silent} {verb} silent until {until}, {SILENCE[deadline.on_silence]}.")
    return " ".join(told)
