"""Plays the core from made-up openings until no new state appears, and keeps what was seen to happen."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import NamedTuple

from domain import commands
from domain.commands import Actor, Command, EvidenceReference, Role, Terms
from domain.deadlines import lapse, next_deadline
from domain.deciding import REGISTRY, decide
from domain.dispute import Dispute, LegState, Phase, Side, WaitKind
from domain.events import Event
from domain.evolving import begin, evolve
from domain.execution import leg_settled, leg_stuck
from domain.forecast import Silence, silence_means
from domain.money import Money
from domain.opening import open_cases
from domain.order import OrderLine, OrderSnapshot, Parcel, ParcelFact, Payment
from domain.policy import Policy, Reason
from domain.refusals import Code, Refused
from domain.review import PROPOSAL_ID
from domain.settlement import CLAIM
from domain.waits import BOTH
from domain.working_time import Calendar, OffsetChange

OPENED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CURRENCY, ANOTHER_CURRENCY = "CNY", "USD"
ACTORS = (
    Actor(role=Role.BUYER, id="buyer-1"),
    Actor(role=Role.SELLER, id="seller-1"),
    Actor(role=Role.ARBITER, id="arbiter-1"),
    Actor(role=Role.ARBITER, id="arbiter-2"),
)
CALENDAR = Calendar(
    calendar_id="weekends",
    first=date(2026, 3, 1),
    until=date(2027, 4, 4),
    offsets=(OffsetChange(since=datetime(2026, 3, 1, tzinfo=UTC), seconds=0),),
)
PHOTO = EvidenceReference(kind="photo", sha256="0" * 64)


class Move(NamedTuple):
    """A change of phase that was seen, and the rule its event named."""

    source: Phase
    target: Phase
    rule: str


class Lapsed(NamedTuple):
    """What a clock's silence was seen to mean, and by which rule."""

    rule: str
    silence: Silence


@dataclass
class Seen:
    """What happened: the rules that opened a dispute, each move with its causes in words, and what follows.

    By command and phase: who had one `accepted`, and the codes with which people of those roles were `refused`. By kind
    of clock: what its silence meant, whose act it `awaited` and its `lengths`; by phase the clocks `running` there.
    """

    opened_by: set[str] = field(default_factory=set)
    moves: defaultdict[Move, set[str]] = field(default_factory=lambda: defaultdict(set))
    accepted: defaultdict[tuple[str, Phase], set[Role]] = field(default_factory=lambda: defaultdict(set))
    refused: defaultdict[tuple[str, Phase], set[Code]] = field(default_factory=lambda: defaultdict(set))
    lapses: defaultdict[WaitKind, set[Lapsed]] = field(default_factory=lambda: defaultdict(set))
    awaited: defaultdict[WaitKind, set[Role]] = field(default_factory=lambda: defaultdict(set))
    running: defaultdict[Phase, set[WaitKind]] = field(default_factory=lambda: defaultdict(set))
    lengths: defaultdict[WaitKind, set[timedelta]] = field(default_factory=lambda: defaultdict(set))


def explored(policy: Policy) -> Seen:
    """Everything seen from the openings of this policy; the same policy always gives the same answer.

    In every state, at its own instant and at its next deadline, every form of every command is tried by everybody who
    may have it; the next clock runs out, and the provider settles or refuses each leg. Bounded by `_likeness`, of which
    one state each is followed, and `_between`.
    """
    seen = Seen()
    queue: deque[tuple[Hashable, Dispute, datetime]] = deque()
    known: set[Hashable] = set()

    def follow(opening: Hashable, dispute: Dispute, now: datetime) -> None:
        likeness = (opening, _likeness(dispute))
        if likeness not in known and not _between(dispute):
            known.add(likeness)
            queue.append((opening, dispute, now))

    for number, (dispute, now) in enumerate(_openings(policy, seen)):
        follow(number, dispute, now)
    while queue:
        opening, dispute, now = queue.popleft()
        _note_clocks(seen, dispute)
        for cause, events in _everything(seen, dispute, now):
            follow(opening, _folded(seen, dispute, events, cause), events[-1].at)
    return seen


def _folded(seen: Seen, dispute: Dispute, events: Sequence[Event], cause: str) -> Dispute:
    for event in events:
        after = evolve(dispute, event)
        if after.phase is not dispute.phase:
            seen.moves[Move(dispute.phase, after.phase, event.rule)].add(cause)
        dispute = after
    return dispute


def _note_clocks(seen: Seen, dispute: Dispute) -> None:
    for wait in dispute.waits:
        seen.running[dispute.phase].add(wait.kind)
        seen.awaited[wait.kind].update(wait.actors)
        seen.lengths[wait.kind].add(wait.until - wait.began)


def _everything(seen: Seen, dispute: Dispute, now: datetime) -> Iterator[tuple[str, list[Event]]]:
    """Everything that can happen in this state, with its cause in words."""
    deadline = next_deadline(dispute)
    # What arrives at the deadline itself is in time (protocol, Received).
    for at in (now, deadline.until) if deadline and deadline.until > now else (now,):
        yield from _acts(seen, dispute, at)
    if deadline is not None:
        at = max(now, deadline.until)
        events = lapse(dispute, at)
        seen.lapses[deadline.kind].add(Lapsed(events[0].rule, silence_means(dispute, deadline)))
        yield f"clock `{deadline.kind}`", events
    for leg in dispute.settlement.legs if dispute.phase is Phase.EXECUTION and dispute.settlement else ():
        yield "the provider settles the last leg", leg_settled(dispute, leg.leg, "reference-1", now)
        if leg.state is LegState.PLANNED:
            yield "the provider refuses a leg", leg_stuck(dispute, leg.leg, "refused", now)


def _acts(seen: Seen, dispute: Dispute, at: datetime) -> Iterator[tuple[str, list[Event]]]:
    for name, rule in REGISTRY.items():
        if dispute.phase not in rule.phases:
            continue
        place = (name, dispute.phase)
        for actor in ACTORS:
            if actor.role not in rule.roles:
                continue
            for command in _forms(dispute, name):
                try:
                    events = decide(dispute, command, actor, at)
                except Refused as refused:
                    seen.refused[place].add(refused.code)
                else:
                    seen.accepted[place].add(actor.role)
                    yield f"`{name}` by {actor.role}", events


def _forms(dispute: Dispute, name: str) -> tuple[Command, ...]:
    """The forms of a command that the rules tell apart, refused ones too."""
    if name in ("accept_offer", "decline_offer"):
        last = {offer.by: offer.offer_id for offer in dispute.offers}
        return tuple(_answer_to_offer(name, offer_id) for offer_id in (CLAIM, "o99", *last.values()))
    if name == "decide":
        return _decisions(_sums(dispute), dispute.evidence_version)
    return _forms_of_all(_sums(dispute))[name]


def _sums(dispute: Dispute) -> tuple[Money, ...]:
    """Nothing, the most that silence accepts of delivered goods, more than is disputed, and another currency."""
    amounts = (0, dispute.policy.amounts[CURRENCY].small_claim, dispute.claim.disputed.amount_minor + 1)
    ours = (Money(amount_minor=amount, currency=CURRENCY) for amount in amounts)
    return *ours, Money(amount_minor=1, currency=ANOTHER_CURRENCY)


@cache
def _answer_to_offer(name: str, offer_id: str) -> Command:
    return commands.COMMANDS[name].model_validate({"offer_id": offer_id})


@cache
def _decisions(sums: tuple[Money, ...], evidence_version: int) -> tuple[Command, ...]:
    whole = commands.Decide(
        amount=sums[0],
        liable="seller",
        reason_code="goods_faulty",
        reasons="The photographs show the fault that the buyer describes.",
        evidence_version=evidence_version,
    )
    changes: list[dict[str, object]] = [{"amount": amount} for amount in sums]
    changes += [{"reasons": "No."}, {"evidence_version": evidence_version + 1}]
    return tuple(whole.model_copy(update=change) for change in changes)


@cache
def _forms_of_all(sums: tuple[Money, ...]) -> dict[str, tuple[Command, ...]]:
    def reject(proposal_id: str, *items: EvidenceReference) -> Command:
        statement = "That is not what happened."
        return commands.Reject(proposal_id=proposal_id, ground="error_of_fact", statement=statement, items=items)

    return {
        "say": (commands.Say(text="Hello."),),
        "answer": (
            commands.Answer(verdict="accept"),
            commands.Answer(verdict="refuse", reason="It is as described.", proof_of_dispatch=PHOTO),
            commands.Answer(verdict="refuse", reason="It is as described."),
            commands.Answer(verdict="refuse"),
        ),
        "offer": tuple(commands.Offer(terms=Terms(amount=amount)) for amount in sums),
        "withdraw": (commands.Withdraw(),),
        "complain": (commands.Complain(statement="Please decide."),),
        "answer_complaint": (commands.AnswerComplaint(statement="I do not agree."),),
        "submit_evidence": (commands.SubmitEvidence(items=(PHOTO,)),),
        "take": (commands.Take(),),
        "confirm": (commands.Confirm(proposal_id=PROPOSAL_ID), commands.Confirm(proposal_id="p99")),
        "reject": (reject(PROPOSAL_ID), reject(PROPOSAL_ID, PHOTO), reject("p99")),
    }


def _between(dispute: Dispute) -> bool:
    """Whether a side has made several offers but not all it may: rules ask nothing of these that one does not show."""
    made = [sum(offer.by is side for offer in dispute.offers) for side in BOTH]
    return any(1 < count < dispute.policy.limits.offers_a_side for count in made)


def _likeness(dispute: Dispute) -> Hashable:
    """What rules ask of a state in its phase, and which clock is next; never an instant, and arbiters by number."""
    deadline = next_deadline(dispute)
    state: tuple[Hashable, ...] = (dispute.phase, deadline and deadline.kind)
    if dispute.phase in (Phase.EXECUTION, Phase.CLOSED):
        legs = dispute.settlement.legs if dispute.settlement else ()
        # Twice refused is enough to see that the provider is asked again at growing distances.
        return *state, tuple((leg.state, min(leg.refusals, 2)) for leg in legs)
    state += tuple(_on_the_table(dispute, side) for side in BOTH)
    if dispute.phase in (Phase.NEGOTIATION, Phase.COMPLAINT):
        answered = dispute.complaint and (dispute.complaint.by, dispute.complaint.answered)
        return *state, dispute.first_answer, answered, frozenset(wait.kind for wait in dispute.waits)
    decided = tuple(decision.resolution.amount.amount_minor for decision in dispute.decisions)
    if dispute.phase is Phase.PROPOSAL:
        return *state, decided, dispute.proposal and dispute.proposal.confirmed_by
    review = dispute.review
    return *state, decided, review and (review.arbiter_id is None, len(review.lost_by), review.owes_answer)


def _on_the_table(dispute: Dispute, side: Side) -> tuple[int, int | None]:
    """How many offers a side has made, and its live terms in minor units."""
    terms = dispute.live_terms(side)
    return sum(offer.by is side for offer in dispute.offers), terms.amount.amount_minor if terms else None


def _openings(policy: Policy, seen: Seen) -> Iterator[tuple[Dispute, datetime]]:
    """Delivered goods worth more than the platform pays, and unshipped ones with offers and evidence used up."""
    worth = policy.amounts[CURRENCY].advance + 1
    yield _opened(policy, seen, Reason.DEFECTIVE, worth), OPENED_AT
    dispute = _opened(policy, seen, Reason.NOT_SHIPPED, worth)
    (buyer, seller), forms = ACTORS[:2], _forms_of_all(_sums(dispute))
    nothing, small = forms["offer"][:2]
    acts = [(buyer, small), (seller, nothing)] * policy.limits.offers_a_side
    acts += [(buyer, forms["submit_evidence"][0])] * policy.limits.evidence_items
    for actor, command in acts:
        dispute = _folded(seen, dispute, decide(dispute, command, actor, OPENED_AT), command.name)
    yield dispute, OPENED_AT


def _opened(policy: Policy, seen: Seen, reason: Reason, amount_minor: int) -> Dispute:
    """A dispute about one line of this sum, unshipped if that is the reason, else delivered."""
    paid_at = OPENED_AT - timedelta(days=10)
    delivered = reason is not Reason.NOT_SHIPPED
    order = OrderSnapshot(
        order_id="order-1",
        buyer_id=ACTORS[0].id,
        market="CN",
        currency=CURRENCY,
        status="paid",
        purchased_at=paid_at,
        paid_at=paid_at,
        lines=(OrderLine(line=1, sku="sku-1", seller_id=ACTORS[1].id, quantity=1, unit_price_minor=amount_minor),),
        payments=(Payment(payment_id="payment-1", method="escrow", amount_minor=amount_minor),),
        parcels=(Parcel(parcel_id="parcel-1", lines=(1,), carrier="carrier-1"),) if delivered else (),
    )
    arrived = OPENED_AT - timedelta(days=2)
    parcel = ParcelFact(parcel_id="parcel-1", state="delivered", delivered_at=arrived, as_of=OPENED_AT)
    claim = commands.Open(
        order_id=order.order_id,
        lines=(commands.DisputedLine(line=1),),
        reason=reason,
        statement="It is not what was sold to me.",
    )
    facts = (parcel,) if delivered else ()
    (opened,) = open_cases(claim, ACTORS[0], order, facts, policy, CALENDAR, OPENED_AT, lambda: "dispute-1")
    seen.opened_by.add(opened.rule)
    return begin(opened, policy, CALENDAR)
