"""Disputes to look ahead from: opened by the real rules, led somewhere by random people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import strategies as st

from domain.commands import (
    COMMANDS,
    AcceptOffer,
    Actor,
    Answer,
    AnswerComplaint,
    Command,
    Complain,
    Confirm,
    Decide,
    DeclineOffer,
    DisputedLine,
    EvidenceReference,
    Offer,
    Open,
    Reject,
    Role,
    Say,
    SubmitEvidence,
    Take,
    Terms,
    Withdraw,
)
from domain.deadlines import lapse, next_deadline
from domain.deciding import decide, permitted
from domain.dispute import Dispute
from domain.events import Event, Opened
from domain.evolving import begin, evolve
from domain.money import Money
from domain.opening import open_cases
from domain.order import OrderLine, OrderSnapshot, Parcel, ParcelFact, Payment
from domain.policy import Reason
from domain.refusals import Refused
from policies.shipped import load
from policies.working_days import calendar

OPENED_AT = datetime(2026, 9, 28, 9, 30, tzinfo=UTC)
DECIDED_AT = OPENED_AT + timedelta(days=5, minutes=30)
BUYER = Actor(role=Role.BUYER, id="buyer-1")
SELLER = Actor(role=Role.SELLER, id="seller-1")
ARBITERS = (Actor(role=Role.ARBITER, id="arbiter-1"), Actor(role=Role.ARBITER, id="arbiter-2"))
PEOPLE = (BUYER, SELLER, *ARBITERS)

EVIDENCE = EvidenceReference(kind="photo", sha256="0" * 64)


def opened(amount_minor: int, goods: str) -> tuple[Dispute, Opened]:
    """A dispute about one line worth `amount_minor` fen whose goods are `unshipped`, `delivered` or `unknown`."""
    paid_at = OPENED_AT - timedelta(days=12)
    delivered_at = OPENED_AT - timedelta(days=3) if goods == "delivered" else None
    parcels = () if goods == "unshipped" else (Parcel(parcel_id="parcel-1", lines=(1,), carrier="carrier-1"),)
    facts = tuple(
        ParcelFact(
            parcel_id=parcel.parcel_id,
            state="delivered" if delivered_at else "unknown",
            first_scan_at=paid_at + timedelta(days=1) if delivered_at else None,
            delivered_at=delivered_at,
            as_of=OPENED_AT,
        )
        for parcel in parcels
    )
    order = OrderSnapshot(
        order_id="order-1",
        buyer_id=BUYER.id,
        market="CN",
        currency="CNY",
        status="paid",
        purchased_at=paid_at,
        paid_at=paid_at,
        promised_by=paid_at + timedelta(days=4),
        lines=(OrderLine(line=1, sku="sku-1", seller_id=SELLER.id, quantity=1, unit_price_minor=amount_minor),),
        payments=(Payment(payment_id="payment-1", method="escrow", amount_minor=amount_minor),),
        parcels=parcels,
    )
    reasons = {"unshipped": Reason.NOT_SHIPPED, "delivered": Reason.DEFECTIVE, "unknown": Reason.NOT_RECEIVED}
    command = Open(order_id="order-1", lines=(DisputedLine(line=1),), reason=reasons[goods], statement="It is wrong.")
    policy, days, numbers = load(), calendar("CN", OPENED_AT), count(1)
    (event,) = open_cases(command, BUYER, order, facts, policy, days, OPENED_AT, lambda: f"dispute-{next(numbers)}")
    return begin(event, policy, days), event


def folded(dispute: Dispute, events: Sequence[Event]) -> Dispute:
    for event in events:
        dispute = evolve(dispute, event)
    return dispute


def in_proposal() -> Dispute:
    """The large claim about delivered goods, decided just now in part: both sides are asked to confirm 500.00 CNY."""
    dispute = in_review()
    decision = Decide(
        amount=Money(amount_minor=500_00, currency="CNY"),
        liable="seller",
        reason_code="goods_faulty",
        reasons="The photographs show the fault that the buyer describes.",
        evidence_version=dispute.evidence_version,
    )
    return folded(dispute, decide(dispute, decision, ARBITERS[0], DECIDED_AT))


def in_review() -> Dispute:
    """The same claim in the hands of the first arbiter, after the seller's silence."""
    dispute, _ = opened(800_00, "delivered")
    dispute = folded(dispute, lapse(dispute, OPENED_AT + timedelta(days=5)))
    return folded(dispute, decide(dispute, Take(), ARBITERS[0], DECIDED_AT))


def silence_until(dispute: Dispute, now: datetime) -> Iterator[tuple[Dispute, list[Event], Dispute]]:
    """Every move that silence makes before `now`; a clock that runs out at `now` itself has not lapsed yet."""
    while (wait := next_deadline(dispute)) is not None and wait.until < now:
        events = lapse(dispute, wait.until)
        after = folded(dispute, events)
        yield dispute, events, after
        dispute = after


SELDOM = ("say", "withdraw", "accept_offer")

Intent = tuple[int, int, int, bool]
"""Minutes that pass, which of the permitted acts, a share of the sum in percent, yes or no."""

intents = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 60, 5 * 60, 5 * 60, 20 * 60, 47 * 60, 73 * 60, 8 * 24 * 60]),
        st.integers(0, 999),
        st.sampled_from([0, 5, 10, 40, 100]),
        st.booleans(),
    ),
    max_size=25,
)
situations = st.tuples(
    st.sampled_from([150_00, 800_00, 9_000_00]), st.sampled_from(["unshipped", "delivered", "unknown"])
)


def walked(dispute: Dispute, plan: Sequence[Intent]) -> Iterator[tuple[datetime, Dispute, list[Event], Dispute]]:
    """Every move of a plan that the rules accept, silences included: its instant, before, events, after."""
    now = dispute.opened_at
    for minutes, pick, percent, yes in plan:
        now += timedelta(minutes=minutes)
        for before, events, after in silence_until(dispute, now):
            yield events[-1].at, before, events, after
            dispute = after
        acts = [(person, name) for person in PEOPLE for name in COMMANDS if _may(dispute, name, person, now)]
        # Talk changes nothing and consent ends every walk, so both are left for few of them.
        acts = [act for act in acts if act[1] not in SELDOM or (yes and percent == 5)]
        if not acts:
            return
        person, name = acts[pick % len(acts)]
        try:
            events = decide(dispute, command_of(dispute, name, percent, yes), person, now)
        except Refused:
            continue
        after = folded(dispute, events)
        yield now, dispute, events, after
        dispute = after


def led(situation: tuple[int, str], plan: Sequence[Intent]) -> tuple[datetime, Dispute]:
    """Where a plan leads a dispute, and when."""
    dispute, _ = opened(*situation)
    moves = list(walked(dispute, plan))
    return (moves[-1][0], moves[-1][3]) if moves else (OPENED_AT, dispute)


def _may(dispute: Dispute, name: str, person: Actor, now: datetime) -> bool:
    try:
        permitted(dispute, name, person, now)
    except Refused:
        return False
    return True


def command_of(dispute: Dispute, name: str, percent: int, yes: bool) -> Command:
    """A command of this name that fits the state where it can; `percent` of the disputed sum where it has an amount."""
    disputed = dispute.claim.disputed
    amount = Money(amount_minor=disputed.amount_minor * percent // 100, currency=disputed.currency)
    last_offer = dispute.offers[-1].offer_id if dispute.offers else "claim"
    commands: dict[str, Command] = {
        "say": Say(text="Hello."),
        "answer": Answer(
            verdict="accept" if yes and percent == 5 else "refuse", reason="No.", proof_of_dispatch=EVIDENCE
        ),
        "offer": Offer(terms=Terms(amount=amount)),
        "accept_offer": AcceptOffer(offer_id=last_offer),
        "decline_offer": DeclineOffer(offer_id=last_offer),
        "withdraw": Withdraw(),
        "complain": Complain(statement="Please decide."),
        "answer_complaint": AnswerComplaint(statement="I do not agree."),
        "submit_evidence": SubmitEvidence(items=(EVIDENCE,)),
        "take": Take(),
        "decide": Decide(
            amount=amount,
            liable="seller",
            reason_code="goods_faulty",
            reasons="The photographs show the fault that the buyer describes.",
            evidence_version=dispute.evidence_version,
        ),
        "confirm": Confirm(proposal_id="p1"),
        "reject": Reject(proposal_id="p1", ground="error_of_fact", statement="That is not what happened."),
    }
    return commands[name]


@pytest.fixture
def dispute() -> Dispute:
    """Delivered goods worth 800.00 CNY, just opened."""
    return opened(800_00, "delivered")[0]
