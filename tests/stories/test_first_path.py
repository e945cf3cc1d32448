"""The thinnest whole path: a claim, crossing offers, a refund, closed."""

from __future__ import annotations

from tests.stage import Stage


def money(minor: int) -> dict[str, object]:
    return {"amount": {"amount_minor": minor, "currency": "CNY"}}


async def test_crossing_offers_settle_and_the_refund_is_made_once(scene: Stage) -> None:
    case = await scene.open()
    await case.act("offer", case.seller, terms=money(6_000))
    answer = await case.act("offer", case.buyer, terms=money(5_000))
    assert "execution_began" in answer.events
    assert await case.handle.result() == "settled by agreement"
    dispute = await case.now()
    assert dispute.settlement is not None
    assert dispute.settlement.amount.amount_minor == 5_000
    books = (await scene.world.get("/books", params={"dispute_id": str(case.id)})).json()
    print(books["refunds"])  # noqa: T201
    assert [refund["amount_minor"] for refund in books["refunds"]] == [5_000]
