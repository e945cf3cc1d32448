"""Telling one dispute while it happens: each line at its time on the dispute's own clock, the money at the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from domain.money import Money
from domain.outlook import View
from starter.demo.case import Case, OtherThanTold
from starter.demo.scene import Scene
from starter.demo.voice import CLOCK, Voice, money, turn, when


class Teller:
    """One dispute and the voice that tells it."""

    def __init__(self, scene: Scene, voice: Voice, case: Case) -> None:
        self.scene = scene
        self.voice = voice
        self.case = case

    @classmethod
    async def open(
        cls,
        scene: Scene,
        voice: Voice,
        *,
        story: str,
        sku: str,
        price_minor: int,
        state: Literal["unshipped", "delivered"],
        reason: str,
        statement: str,
    ) -> Teller:
        """Puts an order into the outside world, and the buyer opens a dispute about it; raises ClientError."""
        order_id = f"demo-{story.replace('_', '-')}"
        buyer_id = await scene.put_order(order_id, sku, price_minor, state)
        claim = {"order_id": order_id, "lines": [{"line": 1}], "reason": reason, "statement": statement}
        case = await scene.open(story, claim, buyer_id)
        voice.link("Watch it in the Temporal UI:", case.link)
        teller = cls(scene, voice, case)
        asked = money(case.opened.claim.terms.amount)
        await teller.line("Buyer", f"“{statement}” Opens a dispute about order {order_id} and asks for {asked} back.")
        return teller

    async def line(self, who: str, text: str) -> None:
        clock = (await self.case.forecast()).as_of
        self.voice.line(self.since_opening(clock), who, text)

    async def turn(self) -> View:
        """Says whose turn it is and what silence means; gives the dispute as it stands."""
        view = await self.case.look()
        await self.line("System", turn(view))
        return view

    async def skip(self, by: timedelta, text: str) -> None:
        """Moves the dispute's clock and says so."""
        await self.case.skip(by)
        await self.line(CLOCK, text)

    async def end(self) -> View:
        """Waits for the end and shows the money, as the dispute says and as the payment provider's books say."""
        view = await self.case.ended()
        assert view.closed_at is not None
        if view.settlement is None:
            raise OtherThanTold(f"dispute {view.id} ended as {view.outcome}, without the settlement that was told")
        self.voice.line(
            self.since_opening(view.closed_at),
            "System",
            f"The refund is made. Closed: {words(view.outcome)}, by {view.settlement.how}.",
        )
        refunds = (await self.scene.books(dispute_id=view.id))["refunds"]
        self.voice.table(
            ("MONEY", "AMOUNT", "ACCORDING TO"),
            [
                ("in dispute", money(view.money.disputed), f"order {view.order.order_id}"),
                ("first asked", money(view.claim.terms.amount), "the buyer's claim"),
                ("settled", money(view.settlement.amount), "the dispute's timeline"),
                *(
                    (
                        "paid back",
                        money(Money(amount_minor=refund["amount_minor"], currency=refund["currency"])),
                        f"the payment provider's books: {refund['refund_id']}, key {refund['idempotency_key']}",
                    )
                    for refund in refunds
                ),
            ],
            numbers=("AMOUNT",),
        )
        return view

    def since_opening(self, at: datetime) -> str:
        return when(self.case.opened.opened_at, at)


def words(name: object) -> str:
    """A word of the protocol as people write it."""
    return str(name).replace("_", " ")
