"""Made-up orders, people and disputes for the core's tests, and a case that is driven act by act."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from domain import commands
from domain.commands import Actor, Command, Role, Terms
from domain.deadlines import lapse, next_deadline
from domain.deciding import decide
from domain.events import Event, Opened
from domain.evolving import begin, evolve
from domain.execution import leg_settled
from domain.money import Money
from domain.opening import open_cases
from domain.order import OrderLine, OrderSnapshot, Parcel, ParcelFact, Payment
from domain.policy import Policy, Reason
from domain.working_time import Calendar, OffsetChange

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

BUYER = Actor(role=Role.BUYER, id="b-1")
SELLER = Actor(role=Role.SELLER, id="s-1")
ARBITER = Actor(role=Role.ARBITER, id="a-1")
OTHER_ARBITER = Actor(role=Role.ARBITER, id="a-2")
OPERATOR = Actor(role=Role.OPERATOR, id="op-1")
SYSTEM = Actor(role=Role.SYSTEM, id="system")

CALENDAR = Calendar(
    calendar_id="made-up",
    first=date(2026, 1, 1),
    until=date(2027, 2, 4),
    offsets=(OffsetChange(since=datetime(2026, 1, 1, tzinfo=UTC), seconds=8 * 3600),),
)

REASONS = "The photos show the damage the buyer describes, and the listing promised otherwise."
PROOF = commands.EvidenceReference(kind="tracking", sha256="0" * 64)


def money(amount_minor: int, currency: str = "CNY") -> Money:
    return Money(amount_minor=amount_minor, currency=currency)


def offer(amount_minor: int, currency: str = "CNY") -> commands.Offer:
    return commands.Offer(terms=Terms(amount=money(amount_minor, currency)))


def ruling(amount_minor: int, evidence_version: int, currency: str = "CNY") -> commands.Decide:
    return commands.Decide(
        amount=money(amount_minor, currency),
        liable="seller",
        reason_code="not_as_described",
        reasons=REASONS,
        evidence_version=evidence_version,
    )


def line(number: int = 1, price: int = 10_000, **fields: Any) -> OrderLine:
    values = {"sku": f"sku-{number}", "seller_id": SELLER.id, "quantity": 1, "unit_price_minor": price} | fields
    return OrderLine(line=number, **values)


def an_order(*lines: OrderLine, paid: Sequence[int] | None = None, **fields: Any) -> OrderSnapshot:
    """An order paid a day before T0, in one parcel `p1` that holds every line, unless told otherwise."""
    lines = lines or (line(),)
    total = sum(each.unit_price_minor * each.quantity + each.freight_minor for each in lines)
    payments = tuple(
        Payment(payment_id=f"pay-{number}", method="escrow", amount_minor=amount)
        for number, amount in enumerate(paid if paid is not None else [total], start=1)
    )
    values: dict[str, Any] = {
        "order_id": "ord-1",
        "buyer_id": BUYER.id,
        "market": "cn",
        "currency": "CNY",
        "status": "delivered",
        "purchased_at": T0 - 10 * DAY,
        "paid_at": T0 - 10 * DAY,
        "promised_by": T0 - DAY,
        "parcels": (Parcel(parcel_id="p1", lines=tuple(each.line for each in lines), carrier="sf"),),
    }
    return OrderSnapshot(lines=lines, payments=payments, **(values | fields))


def fact(state: str = "delivered", parcel_id: str = "p1", **fields: Any) -> ParcelFact:
    known: dict[str, Any] = {"as_of": T0}
    if state in ("in_transit", "delivered"):
        known["first_scan_at"] = T0 - 5 * DAY
    if state == "delivered":
        known["delivered_at"] = T0 - 2 * DAY
    return ParcelFact.model_validate({"parcel_id": parcel_id, "state": state} | known | fields)


REASON_FOR = {
    "delivered": Reason.NOT_AS_DESCRIBED,
    "in_transit": Reason.NOT_RECEIVED,
    "unknown": Reason.NOT_RECEIVED,
    "label_created": Reason.NOT_SHIPPED,
}


def opened(
    policy: Policy,
    state: str = "delivered",
    price: int = 10_000,
    ask: int | None = None,
    reason: Reason | None = None,
    *,
    paid: Sequence[int] | None = None,
    kind: str = "physical",
    calendar: Calendar = CALENDAR,
) -> Opened:
    command = commands.Open(
        order_id="ord-1",
        lines=(commands.DisputedLine(line=1),),
        reason=reason or REASON_FOR[state],
        amount=None if ask is None else money(ask),
        statement="It is not what was sold to me.",
    )
    ids = count(1)
    order = an_order(line(price=price, kind=kind), paid=paid)
    cases = open_cases(command, BUYER, order, (fact(state),), policy, calendar, T0, lambda: f"d-{next(ids)}")
    assert len(cases) == 1
    return cases[0]


class Case:
    """One dispute under test: acts and lapses change it, `log` keeps the events; nothing else does."""

    def __init__(self, policy: Policy, state: str = "delivered", calendar: Calendar = CALENDAR, **fields: Any) -> None:
        self.opened = opened(policy, state, calendar=calendar, **fields)
        self.dispute = begin(self.opened, policy, calendar)
        self.log: list[Event] = []
        self.now = T0

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        for event in events:
            self.dispute = evolve(self.dispute, event)
        self.log += events
        return events

    def act(self, actor: Actor, command: Command, *, at: datetime | None = None) -> list[str]:
        """Decides and evolves; answers the types of the events. Raises Refused."""
        self.now = at or self.now
        return [event.type for event in self.take(decide(self.dispute, command, actor, self.now))]

    def until(self, wait_id: str) -> timedelta:
        """When the clock lapses, counted from T0."""
        wait = self.dispute.wait(wait_id)
        assert wait is not None, f"{wait_id} does not run: {[w.wait_id for w in self.dispute.waits]}"
        return wait.until - T0

    def lapse(self, wait_id: str) -> Sequence[Event]:
        """Lets time run to the named clock, which must be the next, and settles it exactly then."""
        wait = next_deadline(self.dispute)
        assert wait is not None
        assert wait.wait_id == wait_id
        self.now = wait.until
        return self.take(lapse(self.dispute, self.now))

    def silence_until(self, wait_id: str) -> Sequence[Event]:
        """Lets earlier clocks lapse as they do, then the named one."""
        while (wait := next_deadline(self.dispute)) is not None and wait.wait_id != wait_id:
            self.lapse(wait.wait_id)
        return self.lapse(wait_id)

    def pay(self) -> None:
        assert self.dispute.settlement is not None
        for leg in self.dispute.settlement.legs:
            self.take(leg_settled(self.dispute, leg.leg, f"ref-{leg.leg}", self.now))


def in_complaint(case: Case) -> Case:
    case.act(BUYER, commands.Complain(statement="Please look at this."), at=T0 + 48 * HOUR)
    return case


def in_review(case: Case) -> Case:
    in_complaint(case).act(SELLER, commands.AnswerComplaint(statement="It is as described."))
    return case


def taken(case: Case) -> Case:
    in_review(case).act(ARBITER, commands.Take())
    return case


def in_proposal(case: Case, amount_minor: int | None = None) -> Case:
    """Half of the disputed sum is proposed unless told otherwise."""
    half = case.dispute.claim.disputed.amount_minor // 2
    amount = half if amount_minor is None else amount_minor
    taken(case).act(ARBITER, ruling(amount, case.dispute.evidence_version))
    return case


def rejection(ground: str = "error_of_fact") -> commands.Reject:
    return commands.Reject.model_validate({"proposal_id": "p1", "ground": ground, "statement": "That is wrong."})


def in_appeal(case: Case, by: Actor = BUYER) -> Case:
    in_proposal(case).act(by, rejection())
    return case


def in_execution(case: Case) -> Case:
    in_proposal(case).act(BUYER, commands.Confirm(proposal_id="p1"))
    case.act(SELLER, commands.Confirm(proposal_id="p1"))
    return case


def closed(case: Case) -> Case:
    in_execution(case).pay()
    return case
