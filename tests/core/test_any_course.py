"""Random lives of disputes: what holds of every one of them, whatever people and clocks do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from domain import commands
from domain.canonical import canonical
from domain.commands import Actor, Command, Role
from domain.deadlines import extend_late, lapse, next_deadline
from domain.deciding import REGISTRY, decide, permitted
from domain.dispute import Dispute, Phase, WaitKind
from domain.events import EVENT, Event, ExecutionBegan
from domain.evolving import begin, evolve
from domain.execution import gathered, leg_settled, leg_stuck
from domain.facts import Facts
from domain.forecast import forecast
from domain.refusals import Code, Refused
from domain.settlement import ask
from policies.shipped import load
from tests.core import casework
from tests.core.casework import ARBITER, BUYER, DAY, HOUR, OPERATOR, OTHER_ARBITER, PROOF, SELLER, SYSTEM, T0, Case

POLICY = load()

ACTORS = (BUYER, SELLER, ARBITER, OTHER_ARBITER, OPERATOR, SYSTEM, Actor(role=Role.BUYER, id="b-2"))
LIKELY = {name: [actor for actor in ACTORS if actor.role in rule.roles] for name, rule in REGISTRY.items()}

said = st.sampled_from(["Hello", "你好", "🎁 " * 3])


STARTS = [
    lambda case: case,
    casework.in_complaint,
    casework.in_review,
    casework.taken,
    casework.in_proposal,
    casework.in_appeal,
    casework.in_execution,
]


def able(case: Case) -> list[tuple[str, Actor]]:
    """The commands that may be used now, and by whom; talk changes little and withdrawal ends all: left to chance."""
    return [
        (name, actor)
        for name, senders in LIKELY.items()
        for actor in senders
        if name not in ("say", "withdraw") and refusal(case, name, actor) is None
    ]


@st.composite
def commands_to(draw: st.DrawFn, case: Case) -> tuple[Actor, Command]:
    """A command and its sender: mostly one that may be sent, sometimes any by anybody."""
    name, actor = draw(st.sampled_from(sorted(REGISTRY))), draw(st.sampled_from(ACTORS))
    usable, dispute = able(case), case.dispute
    likely: int = draw(st.integers(0, 3))
    if usable and likely:
        name, actor = draw(st.sampled_from(usable))
    disputed = dispute.claim.disputed.amount_minor
    amounts = st.sampled_from([0, disputed // 10, disputed, disputed + 1]) | st.integers(0, disputed)
    version = draw(st.sampled_from([dispute.evidence_version] * 4 + [0]))
    offer_ids = st.sampled_from(["claim", "o9", *(offer.offer_id for offer in dispute.offers)])
    built: dict[str, st.SearchStrategy[Command]] = {
        "say": st.builds(commands.Say, text=said),
        "answer": st.builds(
            commands.Answer,
            verdict=st.sampled_from(["accept", "refuse", "refuse", "refuse"]),
            reason=st.sampled_from(["No.", "No.", "No.", None]),
            proof_of_dispatch=st.sampled_from([PROOF, None]),
        ),
        "offer": amounts.map(casework.offer),
        "accept_offer": st.builds(commands.AcceptOffer, offer_id=offer_ids),
        "decline_offer": st.builds(commands.DeclineOffer, offer_id=offer_ids),
        "withdraw": st.just(commands.Withdraw()),
        "complain": st.builds(commands.Complain, statement=said),
        "answer_complaint": st.builds(commands.AnswerComplaint, statement=said),
        "submit_evidence": st.just(commands.SubmitEvidence(items=(PROOF,))),
        "take": st.just(commands.Take()),
        "decide": amounts.map(lambda amount: casework.ruling(amount, version)),
        "confirm": st.just(commands.Confirm(proposal_id="p1")),
        "reject": st.just(casework.rejection()),
    }
    return actor, draw(built[name])


@dataclass
class Told:
    """A course as it was told: what `Case` logged, and how often its acts were accepted."""

    case: Case
    accepted: int = 0


def settle_overdue(case: Case) -> None:
    """What the shell does before a command: clocks that ran out before it lapse first, each at its own instant."""
    while (wait := next_deadline(case.dispute)) is not None and wait.until < case.now:
        take(case, lapse(case.dispute, wait.until))


def take(case: Case, events: Sequence[Event]) -> None:
    for happened in events:
        before = case.dispute
        case.take([happened])
        hold_between(before, happened, case.dispute)


def hold_between(before: Dispute, happened: Event, after: Dispute) -> None:
    assert after.version == before.version + 1
    assert EVENT.validate_json(canonical(happened)) == happened
    old = {wait.wait_id: wait for wait in before.waits}
    new = {wait.wait_id: wait for wait in after.waits}
    assert len(new) == len(after.waits)
    named = {wait.wait_id for wait in happened.began}
    assert {name for name, wait in new.items() if old.get(name) != wait} <= named
    assert set(old) - set(new) == set(happened.ended) - named
    assert set(happened.ended) <= set(old)
    if after.phase is not before.phase:
        assert happened.phase is after.phase
    assert after.phase is not Phase.CLOSED or not after.waits
    if after.phase is Phase.EXECUTION:
        refunding = {WaitKind.REFUND_RETRY, WaitKind.REFUND_TARGET, WaitKind.REFUND_MANUAL}
        assert {wait.kind for wait in after.waits} <= refunding
    if isinstance(happened, ExecutionBegan):
        settlement, paid = happened.settlement, {p.payment_id: p.amount_minor for p in after.order.payments}
        assert sum(leg.amount.amount_minor for leg in settlement.legs) == settlement.amount.amount_minor
        assert 0 < settlement.amount.amount_minor <= after.claim.disputed.amount_minor
        assert all(0 < leg.amount.amount_minor <= paid[leg.payment_id] for leg in settlement.legs)
        assert len({leg.leg for leg in settlement.legs}) == len(settlement.legs)


def refusal(case: Case, name: str, actor: Actor) -> Code | None:
    """Why this actor may not use the command at all now; None when it may."""
    try:
        permitted(case.dispute, name, actor, case.now)
    except Refused as refused:
        return refused.code
    return None


def try_command(case: Case, actor: Actor, command: Command) -> bool:
    """Sends a command; an accepted one was permitted, by the registry and by `permitted`, and changed something."""
    whatever_its_fields = refusal(case, command.name, actor)
    code = None
    events: list[Event] = []
    try:
        events = decide(case.dispute, command, actor, case.now)
    except Refused as refused:
        code = refused.code
    if code is not None:
        assert whatever_its_fields in (None, code)
        return False
    rule = REGISTRY[command.name]
    assert whatever_its_fields is None
    assert actor.role in rule.roles
    assert case.dispute.phase in rule.phases
    assert actor.role not in (Role.BUYER, Role.SELLER) or case.dispute.party(actor)
    assert events
    assert all(happened.by == actor and happened.at == case.now for happened in events)
    take(case, events)
    return True


@st.composite
def lives(draw: st.DrawFn, steps: int = 24) -> Told:
    """A dispute and up to `steps` acts, lapses, graces and provider answers."""
    price = draw(st.sampled_from([1, 10_000, 20_001, 100_000, 100_001, 300_000]))
    payments = draw(st.integers(1, 3))
    paid = [price // payments + (1 if number < price % payments else 0) for number in range(payments)]
    case = Case(
        POLICY,
        draw(st.sampled_from(["delivered", "in_transit", "label_created", "unknown"])),
        price=price,
        ask=draw(st.none() | st.integers(1, price)),
        paid=paid,
    )
    # Half of the lives begin late: the way there is short and takes no luck.
    draw(st.sampled_from(STARTS) if draw(st.booleans()) else st.just(STARTS[0]))(case)
    told = Told(case)
    for _ in range(draw(st.integers(0, steps))):
        wait = next_deadline(case.dispute)
        case.now += draw(st.sampled_from([timedelta(0), HOUR, 12 * HOUR, DAY, 4 * DAY]))
        if wait is not None and draw(st.integers(0, 5)) == 0:
            case.now = max(T0, wait.until + draw(st.sampled_from([timedelta(0), timedelta(seconds=1)])), case.now)
        if wait is not None and wait.until < case.now and draw(st.integers(0, 7)) == 0:
            take(case, extend_late(case.dispute, wait.wait_id, "worker", 3_601, case.now))
        settle_overdue(case)
        if case.dispute.settlement is not None and draw(st.booleans()):
            leg = draw(st.sampled_from(case.dispute.settlement.legs)).leg
            take(case, draw(st.sampled_from([leg_settled, leg_stuck]))(case.dispute, leg, "provider-1", case.now))
        if draw(st.integers(0, 9)) == 0:
            fact = casework.fact(draw(st.sampled_from(["unknown", "in_transit", "delivered", "lost"])), as_of=case.now)
            take(case, gathered(case.dispute, Facts(parcels=(fact,)), case.now))
        if case.dispute.phase is Phase.CLOSED:
            break
        actor, command = draw(commands_to(case))
        told.accepted += try_command(case, actor, command)
    return told


def run_out(case: Case) -> None:
    """Time runs on and nobody acts but the payment provider; stops at the end, or when the daily alarm repeats."""
    alarms = 0
    for _ in range(80):
        if case.dispute.phase is Phase.EXECUTION and case.dispute.settlement is not None:
            for leg in case.dispute.settlement.legs:
                take(case, leg_settled(case.dispute, leg.leg, "provider-2", case.now))
        wait = next_deadline(case.dispute)
        if wait is None:
            return
        case.now = max(case.now, wait.until)
        events = lapse(case.dispute, case.now)
        assert events, f"{wait.wait_id} lapses and nothing happens"
        take(case, events)
        alarms += events[0].rule.endswith("cap-above-advance")
        if alarms == 3:
            return
    raise AssertionError("80 clocks ran out and the dispute neither ended nor called for help")


@settings(max_examples=150)
@given(told=lives())
def test_every_dispute_ends_when_time_runs_on(told: Told) -> None:
    case = told.case
    decided, limit = bool(case.dispute.decisions), POLICY.amounts["CNY"].advance
    run_out(case)
    event(f"ends {case.dispute.outcome} by {case.dispute.how}")
    if case.dispute.phase is not Phase.CLOSED:
        assert not decided
        assert ask(case.dispute).amount.amount_minor > limit
        alarms = [happened.at for happened in case.log if happened.type == "cap_alarmed"][-3:]
        assert [later - earlier for earlier, later in pairwise(alarms)] == [DAY, DAY]
        assert case.dispute.needs_attention == "cap_alarm"
        return
    assert (case.dispute.outcome is None, case.dispute.how is None, case.dispute.closed_at is None) == (False,) * 3
    codes = {refusal(case, name, actor) for name, senders in LIKELY.items() for actor in senders}
    assert codes == {Code.CLOSED, Code.NOT_A_PARTY}


@settings(max_examples=100)
@given(told=lives())
def test_the_events_tell_the_whole_state(told: Told) -> None:
    case = told.case
    note(" ".join(happened.type for happened in case.log))
    folds = []
    for _ in range(2):
        state = begin(case.opened, POLICY, casework.CALENDAR)
        for happened in case.log:
            state = evolve(state, EVENT.validate_json(canonical(happened)))
        folds.append(state)
    assert folds[0] == folds[1] == case.dispute
    assert case.dispute.version == 1 + len(case.log)
    assert Dispute.model_validate_json(case.dispute.model_dump_json()) == case.dispute
    event(f"accepted {min(told.accepted // 4 * 4, 12)} or more")


@settings(max_examples=100)
@given(told=lives(steps=12))
def test_a_lapse_at_the_deadline_is_the_forecasted_one(told: Told) -> None:
    case = told.case
    settle_overdue(case)
    foreseen = forecast(case.dispute, case.now)
    for coming in foreseen.deadlines:
        wait = next_deadline(case.dispute)
        assert wait is not None
        assert lapse(case.dispute, wait.until - timedelta(microseconds=1)) == []
        events = lapse(case.dispute, coming.at)
        assert (wait.wait_id, coming.at) == (coming.waiting_for, max(case.now, wait.until))
        assert (events[0].rule, {happened.at for happened in events}) == (coming.rule, {coming.at})
        take(case, events)
        assert case.dispute.phase is coming.phase
    run_out(case)
    if foreseen.outcome is not None:
        assert (case.dispute.outcome, case.dispute.how) == (foreseen.outcome, foreseen.how)


def test_random_lives_are_varied() -> None:
    """Guards the tests above: lives that never left negotiation would hold whatever they are asked."""
    kinds: Counter[str] = Counter()
    endings: Counter[str] = Counter()

    @settings(max_examples=100)
    @given(told=lives())
    def live(told: Told) -> None:
        run_out(told.case)
        kinds.update(happened.type for happened in told.case.log)
        endings.update([f"{told.case.dispute.outcome} {told.case.dispute.how}"])

    live()
    # Of 22 kinds and about 15 endings; what is rarest in chance has its own test by hand.
    assert len(kinds) >= 15, kinds
    assert len(endings) >= 5, endings
