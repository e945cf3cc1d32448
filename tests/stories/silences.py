"""Stories of silence: every clock of the protocol runs out once, and what was foretold comes."""

from __future__ import annotations

from datetime import timedelta

from tests.stage import ARBITER, SECOND_ARBITER, Case, Stage
from tests.stories.acting import code_of, decide, keep_silent, offer, refuse, reject, to_proposal, to_review

SMALL, LARGE, ABOVE_ADVANCE = 15_000, 50_000, 150_000
"""Prices in fen: silence may accept the first, the platform pays the second at the cap, and asks above the third."""


async def seller_silent_unshipped(scene: Stage) -> Case:
    case = await scene.open(state="unshipped", price_minor=LARGE)
    await keep_silent(case)
    return case


async def seller_silent_in_transit(scene: Stage) -> Case:
    case = await scene.open(state="in_transit", price_minor=SMALL)
    await keep_silent(case)
    return case


async def seller_silent_small_claim(scene: Stage) -> Case:
    case = await scene.open(price_minor=SMALL)
    await keep_silent(case)
    return case


async def seller_silent_large_claim(scene: Stage) -> Case:
    """From a claim that silence may not accept to the cap: nobody ever acts, and the platform pays at day 60."""
    case = await scene.open(price_minor=LARGE)
    await keep_silent(case)
    return case


async def seller_silent_in_complaint(scene: Stage) -> Case:
    """The clock of the first answer runs on into complaint."""
    case = await scene.open(price_minor=SMALL)
    await case.skip(timedelta(hours=49))
    await case.act("complain", case.buyer, statement="Nobody answers me.")
    await keep_silent(case)
    return case


async def buyer_silent_after_refusal(scene: Stage) -> Case:
    case = await scene.open()
    await refuse(case)
    await keep_silent(case)
    return case


async def talks_run_out(scene: Stage) -> Case:
    """An offer lapses, then the negotiation, then the complaint the system filed: the case is in review."""
    case = await scene.open()
    await offer(case, case.seller, 2_000)
    await keep_silent(case, "offer.o1")
    await keep_silent(case, "negotiation")
    await keep_silent(case, "complaint_answer")
    await case.act("withdraw", case.buyer)
    return case


async def complaint_unanswered(scene: Stage) -> Case:
    case = await scene.open()
    await refuse(case)
    await case.act("complain", case.buyer, statement="It came damaged.")
    await keep_silent(case, "complaint_answer")
    await case.act("withdraw", case.buyer)
    return case


async def review_overdue(scene: Stage) -> Case:
    """A taken case goes back to the queue, the queue is told, and at the hard limit its holder loses it."""
    case = await scene.open()
    await to_review(case)
    await case.act("take", ARBITER)
    await keep_silent(case, "lease")
    await keep_silent(case, "review_target")
    await case.skip(timedelta(days=3, hours=22))
    await case.act("take", ARBITER)
    await keep_silent(case, "review_hard")
    assert await code_of(case.act("take", ARBITER)) == "had_a_part"
    await case.act("take", SECOND_ARBITER)
    await decide(case, 7_000, SECOND_ARBITER)
    await keep_silent(case)
    return case


async def appeal_undecided(scene: Stage) -> Case:
    """The other side stays silent and so does the platform: the first decision stands after 14 days."""
    case = await scene.open()
    await to_proposal(case)
    await reject(case, case.seller)
    await keep_silent(case)
    return case


async def cap_with_decision(scene: Stage) -> Case:
    """Decided on day 58, unconfirmed on day 60: the decision is executed without a word more."""
    case = await scene.open(price_minor=LARGE)
    await to_review(case)
    await case.skip(timedelta(days=58))
    await case.act("take", ARBITER)
    await decide(case, 7_000)
    await keep_silent(case)
    return case


async def cap_above_advance(scene: Stage) -> Case:
    """Too much for the platform to pay: the alarm comes again every day until somebody acts."""
    case = await scene.open(price_minor=ABOVE_ADVANCE)
    await keep_silent(case)
    await keep_silent(case, "cap")
    await keep_silent(case, "cap")
    await case.act("withdraw", case.buyer)
    return case
