"""Every command in every situation by every role: the event types it causes, or the code it is refused with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain import commands
from domain.commands import COMMANDS, Actor, Command
from domain.deciding import REGISTRY, permitted
from domain.dispute import Phase
from domain.policy import Policy
from domain.refusals import Code, Refused
from tests.core import casework
from tests.core.casework import ARBITER, BUYER, OPERATOR, OTHER_ARBITER, PROOF, SELLER, SYSTEM, Case

SITUATIONS: dict[str, Callable[[Case], Case]] = {
    "negotiation": lambda case: case,
    "complaint": casework.in_complaint,
    "review": casework.in_review,
    "taken": casework.taken,
    "proposal": casework.in_proposal,
    "appeal": casework.in_appeal,
    "execution": casework.in_execution,
    "closed": casework.closed,
}

SAMPLES: dict[str, Command] = {
    "say": commands.Say(text="Hello"),
    "answer": commands.Answer(verdict="refuse", reason="It is as described."),
    "offer": casework.offer(2_000),
    "accept_offer": commands.AcceptOffer(offer_id="claim"),
    "decline_offer": commands.DeclineOffer(offer_id="o1"),
    "withdraw": commands.Withdraw(),
    "complain": commands.Complain(statement="Please look."),
    "answer_complaint": commands.AnswerComplaint(statement="It is as described."),
    "submit_evidence": commands.SubmitEvidence(items=(PROOF,)),
    "take": commands.Take(),
    "decide": casework.ruling(5_000, 2),
    "confirm": commands.Confirm(proposal_id="p1"),
    "reject": casework.rejection(),
}

ACTORS = {"buyer": BUYER, "seller": SELLER, "arbiter": ARBITER, "second": OTHER_ARBITER}

# Columns are the situations in order, without "closed", where everything is refused `closed`; `+` marks events,
# `-` is wrong_phase, `"` as on the left. The buyer rejected in "appeal"; a-1 holds the case in "taken" and decided it.
TABLE = """
say              buyer   +said " " " " " "
say              seller  +said " " " " " "
say              arbiter +said " " " " " "
answer           seller  +claim_refused " - - - - -
offer            buyer   +offered " " " " " -
offer            seller  +offered " " " " " -
accept_offer     buyer   offer_not_found " " " " " -
accept_offer     seller  +execution_began " " " " " -
decline_offer    buyer   offer_not_found " " " " " -
decline_offer    seller  offer_not_found " " " " " -
withdraw         buyer   +closed " " " " " -
complain         buyer   complain_too_early - - - - - -
complain         seller  complain_after_answer - - - - - -
answer_complaint buyer   - not_your_turn - - - not_your_turn -
answer_complaint seller  - +complaint_answered+review_began - - - +complaint_answered -
submit_evidence  buyer   +evidence_submitted " evidence_closed " " " "
submit_evidence  seller  +evidence_submitted " evidence_closed " " +evidence_submitted evidence_closed
take             arbiter - - +taken " - had_a_part -
take             second  - - +taken taken_by_other - +taken -
decide           arbiter - - +taken+decided +decided - had_a_part -
decide           second  - - +taken+decided taken_by_other - stale_evidence -
confirm          buyer   - - - - +confirmed - -
confirm          seller  - - - - +confirmed - -
reject           buyer   - - - - +rejected+review_began - -
reject           seller  - - - - +rejected+review_began - -
"""


def expected() -> dict[tuple[str, str], list[str]]:
    rows: dict[tuple[str, str], list[str]] = {}
    for row in TABLE.strip().splitlines():
        name, role, *cells = row.split()
        answers: list[str] = []
        for cell in cells:
            answers.append(answers[-1] if cell == '"' else cell.replace("-", "wrong_phase"))
        rows[name, role] = [*answers, "closed"]
    return rows


EXPECTED = expected()


def told(case: Case, actor: Actor, command: Command) -> str:
    try:
        return "".join(f"+{kind}" for kind in case.act(actor, command))
    except Refused as refused:
        return refused.code.value


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_role_is_answered_as_the_table_says(situation: str, case: Callable[..., Case]) -> None:
    column = list(SITUATIONS).index(situation)
    answers = {
        (name, role): told(SITUATIONS[situation](case()), ACTORS[role], SAMPLES[name]) for name, role in EXPECTED
    }
    assert answers == {key: cells[column] for key, cells in EXPECTED.items()}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_roles_outside_the_table_are_told_so(situation: str, case: Callable[..., Case]) -> None:
    there = SITUATIONS[situation](case())
    outside = [
        (name, role)
        for name in SAMPLES
        for role in ("buyer", "seller", "arbiter", "operator", "system")
        if (name, role) not in EXPECTED
    ]
    actors = ACTORS | {"operator": OPERATOR, "system": SYSTEM}
    answers = {(name, role): told(there, actors[role], SAMPLES[name]) for name, role in outside}
    assert set(answers.values()) == {"not_your_role"}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_strangers_learn_only_that_they_are_strangers(situation: str, case: Callable[..., Case]) -> None:
    there = SITUATIONS[situation](case())
    strangers = [Actor(role=BUYER.role, id="b-2"), Actor(role=SELLER.role, id="s-2"), Actor(role=BUYER.role, id="s-1")]
    assert {told(there, stranger, command) for stranger in strangers for command in SAMPLES.values()} == {"not_a_party"}


def test_the_registry_has_every_command_and_no_other() -> None:
    assert set(REGISTRY) == set(COMMANDS) == set(SAMPLES)
    assert {(name, role) for name, role in EXPECTED if role != "second"} == {
        (name, role.value) for name, rule in REGISTRY.items() for role in rule.roles
    }
    assert all(Phase.CLOSED not in rule.phases for rule in REGISTRY.values())


def test_an_unknown_command_is_named(case: Callable[..., Case]) -> None:
    with pytest.raises(Refused) as refused:
        permitted(case().dispute, "open", BUYER, casework.T0)
    assert refused.value.code is Code.UNKNOWN_COMMAND
    assert refused.value.detail == {"command": "open"}


def test_a_party_cannot_judge_its_own_case(case: Callable[..., Case]) -> None:
    there = casework.in_review(case())
    assert told(there, Actor(role=ARBITER.role, id=SELLER.id), commands.Take()) == "had_a_part"


@pytest.mark.parametrize(
    ("command", "code", "detail"),
    [
        (casework.ruling(5_000, 1), Code.STALE_EVIDENCE, {"seen": 1, "current": 2}),
        (casework.ruling(10_001, 2), Code.DECISION_EXCEEDS_DISPUTED, {"at_most": 10_000, "currency": "CNY"}),
        (casework.ruling(5_000, 2, "USD"), Code.WRONG_CURRENCY, {"currency": "CNY"}),
        (casework.ruling(5_000, 2).model_copy(update={"reasons": " " * 50}), Code.REASONS_TOO_SHORT, {"least": 40}),
    ],
)
def test_a_decision_must_rest_on_the_file(
    command: Command, code: Code, detail: dict[str, int | str], case: Callable[..., Case]
) -> None:
    there = casework.taken(case())
    with pytest.raises(Refused) as refused:
        there.act(ARBITER, command)
    assert (refused.value.code, refused.value.detail) == (code, detail)


def test_evidence_has_a_limit(case: Callable[..., Case], policy: Policy) -> None:
    there = case()
    twenty = commands.SubmitEvidence(items=(PROOF,) * 20)
    for _ in range(policy.limits.evidence_items // 20):
        there.act(BUYER, twenty)
    assert there.dispute.evidence_items == policy.limits.evidence_items
    assert told(there, SELLER, commands.SubmitEvidence(items=(PROOF,))) == "too_much_evidence"
    assert there.dispute.evidence_version == policy.limits.evidence_items // 20


def test_what_an_arbiter_must_have_seen_counts(case: Callable[..., Case]) -> None:
    there = casework.in_appeal(case(), by=BUYER)
    assert there.dispute.evidence_version == 3  # complaint, answer, rejection
    there.act(SELLER, commands.AnswerComplaint(statement="The decision was right."))
    there.act(SELLER, commands.Say(text="Please decide soon."))
    assert there.dispute.evidence_version == 4
    assert told(there, SELLER, commands.AnswerComplaint(statement="Once more.")) == "not_your_turn"


def test_a_rejection_cannot_overfill_the_file(case: Callable[..., Case], policy: Policy) -> None:
    there = case()
    for _ in range(policy.limits.evidence_items // 20):
        there.act(BUYER, commands.SubmitEvidence(items=(PROOF,) * 20))
    casework.in_proposal(there)
    assert told(there, BUYER, casework.rejection().model_copy(update={"items": (PROOF,)})) == "too_much_evidence"
    assert told(there, BUYER, casework.rejection()) == "+rejected+review_began"
