"""One dispute, from the opened claim until it is closed: one coroutine per phase, one deadline loop, one handler."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError

from domain.deadlines import next_deadline
from domain.dispute import Dispute, Leg, LegState, Phase, Wait
from domain.envelope import Answered, DisputeInput, Envelope, SignalledDecision
from domain.evolving import begin
from domain.execution import gathered, leg_settled, leg_stuck
from domain.outlook import View, details, view
from domain.refusals import Code
from workflows.case import Case, readable, said
from workflows.interning import interned
from workflows.ports import FactsWanted, RefundWanted, World

COMMANDS_A_RUN = 1_000
EVENTS_A_RUN = 5_000

PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))

LABELS = {
    Phase.NEGOTIATION: "Negotiation",
    Phase.COMPLAINT: "Complaint",
    Phase.REVIEW: "Review by the platform",
    Phase.PROPOSAL: "Proposal to both sides",
    Phase.EXECUTION: "Execution",
    Phase.CLOSED: "Closed",
}


NOTHING = RawValue(Payload())
"""What stands for the input of a workflow that was started without any."""


@workflow.defn(name="DisputeWorkflow")
class DisputeWorkflow:
    """The durable shell around the pure core; no rule of the protocol stands here."""

    @workflow.init
    def __init__(self, start: RawValue = NOTHING) -> None:
        """Takes the input undecoded: what cannot be read must end in `run`, the only place to fail in order."""
        self._unreadable: str | None = None
        try:
            opened = self._decoded([start], DisputeInput)
        except ValueError as wrong:
            self._unreadable = str(wrong)
            return
        dispute = _standing(opened)
        self._case = Case(dispute, self._phase_group)
        self._case.changed = self._show
        self._show()

    @workflow.run
    async def run(self, start: RawValue = NOTHING) -> str:
        """Follows the dispute until it is closed; answers how it ended, in one line.

        `start` holds one `DisputeInput`. Raises ApplicationError, which fails the workflow, when it does not.
        """
        if self._unreadable is not None:
            raise ApplicationError(f"A dispute starts from a DisputeInput; {self._unreadable}", non_retryable=True)
        deadlines = asyncio.create_task(self._keep_deadlines())
        phases = asyncio.create_task(self._go_through_phases())
        # A deadline loop that broke must fail the workflow task, not die unseen beside the phases.
        await workflow.wait([deadlines, phases], return_when=asyncio.FIRST_COMPLETED)
        if deadlines.done():
            deadlines.result()
        await phases
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and not self._case.lock.locked())
        deadlines.cancel()
        if self._phase is not Phase.CLOSED:
            workflow.continue_as_new(DisputeInput(resumed=self._case.dispute))
        return f"{self._case.dispute.outcome} by {self._case.dispute.how}"

    async def _go_through_phases(self) -> None:
        phases = {
            Phase.NEGOTIATION: self._negotiation,
            Phase.COMPLAINT: self._complaint,
            Phase.REVIEW: self._review,
            Phase.PROPOSAL: self._proposal,
            Phase.EXECUTION: self._execution,
        }
        while (phase := self._phase) is not Phase.CLOSED and not self._full():
            await phases[phase]()

    async def _negotiation(self) -> None:
        await self._until_moved(Phase.NEGOTIATION)

    async def _complaint(self) -> None:
        await self._until_moved(Phase.COMPLAINT)

    async def _review(self) -> None:
        """The platform looks up what it can itself before anybody is asked (protocol, phase 3)."""
        dispute = self._case.dispute
        if not (dispute.review and dispute.review.facts_gathered):
            with self._phase_group():
                facts = await workflow.execute_activity_method(
                    World.gather_facts,
                    FactsWanted(
                        dispute_id=dispute.dispute_id,
                        order_id=dispute.order.order_id,
                        payment_ids=tuple(payment.payment_id for payment in dispute.order.payments),
                        parcel_ids=dispute.disputed_parcels,
                        at=self._virtual_now(),
                    ),
                    start_to_close_timeout=timedelta(seconds=30),
                    retry_policy=PATIENT,
                    summary="Asks order system, payment provider and carriers",
                )
            await self._case.happen(lambda: gathered(self._case.dispute, facts, workflow.now()))
        await self._until_moved(Phase.REVIEW)

    async def _proposal(self) -> None:
        await self._until_moved(Phase.PROPOSAL)

    async def _execution(self) -> None:
        """Settles the planned legs one after the other; a stuck one is planned again by its deadline."""
        while self._phase is Phase.EXECUTION and not self._full():
            for leg in self._planned():
                await self._refund(leg)
            await workflow.wait_condition(
                lambda: self._phase is not Phase.EXECUTION or bool(self._planned()) or self._full()
            )

    async def _refund(self, leg: Leg) -> None:
        with self._phase_group():
            result = await workflow.execute_activity_method(
                World.refund,
                RefundWanted(dispute_id=self._case.dispute.dispute_id, leg=leg, at=self._virtual_now()),
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=PATIENT,
                summary=f"Refunds {leg.amount.amount_minor} {leg.amount.currency} (minor units) as {leg.leg}",
            )
        if result.kind == "settled":
            reference = str(result.provider_reference)
            await self._case.happen(lambda: leg_settled(self._case.dispute, leg.leg, reference, workflow.now()))
        else:
            because = str(result.because)
            await self._case.happen(lambda: leg_stuck(self._case.dispute, leg.leg, because, workflow.now()))

    async def _keep_deadlines(self) -> None:
        """The one deadline loop: one live timer, armed anew only when an earlier deadline appears."""
        while self._phase is not Phase.CLOSED:
            wait = next_deadline(self._case.dispute)
            if wait is None:
                await workflow.wait_condition(lambda: next_deadline(self._case.dispute) is not None)
                continue
            if (left := wait.until - workflow.now()) > timedelta(0):
                with suppress(TimeoutError):
                    await workflow.wait_condition(
                        partial(self._earlier_than, wait.until),
                        timeout=left,
                        timeout_summary=_awaited(wait),
                        event_groups=[self._group_of_phase()],
                    )
                continue
            async with self._case.lock:
                early = await self._case.settle_deadlines(lambda until: until <= workflow.now())
            if early:
                await workflow.sleep(early, summary="The database's clock is behind")

    def _earlier_than(self, armed: datetime) -> bool:
        wait = next_deadline(self._case.dispute)
        return self._phase is Phase.CLOSED or (wait is not None and wait.until < armed)

    @workflow.update(dynamic=True, description="A command of the protocol, named as there")
    async def command(self, name: str, args: Sequence[RawValue]) -> Answered:
        """One handler for every command; a refusal is an answer, so an update fails only on a bug."""
        update = workflow.current_update_info()
        assert update is not None
        envelope, command = self._read(name, args)
        return await self._case.answer(update.id, command, envelope.actor, envelope.received_at)

    @command.validator
    def _readable(self, name: str, args: Sequence[RawValue]) -> None:
        """Shape only, never rules: rules are judged under the lock, on the state that the commit will extend."""
        if self._unreadable is not None:
            raise ValueError("this dispute could not be started")
        self._read(name, args)

    @workflow.signal(dynamic=True, description="`decision`: for arbiters' tools that can only signal")
    async def signals(self, name: str, args: Sequence[RawValue]) -> None:
        """Never raises: what cannot be read or is no decision is put on record as refused."""
        if self._unreadable is not None:
            return
        command_id = f"signal-{workflow.uuid4()}"
        try:
            if name != "decision":
                raise ValueError(f"there is no signal {name!r}")
            signalled = self._decoded(args, SignalledDecision)
            command = readable("decide", signalled.command)
        except ValueError:
            await self._case.refuse(command_id, name, Code.BAD_COMMAND)
            return
        await self._case.answer_signal(signalled.command_id, command, signalled.actor)

    @workflow.query(description="The case as an operator may see it")
    def view(self) -> View:
        if self._unreadable is not None:
            raise ValueError("this dispute could not be started")
        return view(self._case.dispute, None, workflow.now())

    def _read(self, name: str, args: Sequence[RawValue]) -> tuple[Envelope, Any]:
        envelope = self._decoded(args, Envelope)
        return envelope, readable(name, envelope.command)

    def _decoded(self, args: Sequence[RawValue], model: type[Any]) -> Any:
        if len(args) != 1:
            raise ValueError(f"a message carries one {model.__name__}, this one carries {len(args)} arguments")
        try:
            message = workflow.payload_converter().from_payload(args[0].payload, model)
        except ValidationError as wrong:
            raise ValueError(said(wrong)) from None
        except Exception as wrong:
            raise ValueError(f"the message cannot be read: {type(wrong).__name__}") from None
        if not isinstance(message, model):
            # Some encodings decode to what they hold, whatever was asked for.
            raise ValueError(f"the message is no {model.__name__}")
        return message

    @property
    def _phase(self) -> Phase:
        return self._case.dispute.phase

    async def _until_moved(self, phase: Phase) -> None:
        await workflow.wait_condition(lambda: self._phase is not phase or self._full())

    def _planned(self) -> list[Leg]:
        settlement = self._case.dispute.settlement
        return [leg for leg in settlement.legs if leg.state is LegState.PLANNED] if settlement else []

    def _full(self) -> bool:
        """Whether this run has grown long enough to be continued in a new one, far from the server's limits."""
        info = workflow.info()
        return (
            self._case.answered >= COMMANDS_A_RUN
            or info.get_current_history_length() >= EVENTS_A_RUN
            or info.is_continue_as_new_suggested()
        )

    def _virtual_now(self) -> datetime | None:
        return workflow.now() if self._case.dispute.test_clock else None

    @contextmanager
    def _phase_group(self) -> Iterator[None]:
        with self._group_of_phase().scope():
            yield

    def _group_of_phase(self) -> workflow.EventGroup:
        review = self._case.dispute.review
        if self._phase is Phase.REVIEW and review is not None and review.level == 2:
            return workflow.create_event_group("review-2", label="Review at level 2")
        return workflow.create_event_group(self._phase.value, label=LABELS[self._phase])

    def _show(self) -> None:
        workflow.set_current_details(details(self._case.dispute, self._case.last_refusal))


def _awaited(wait: Wait) -> str:
    """A clock as an operator reads it in the history: whom it waits for, for what, until when."""
    whom = " and ".join(wait.actors) or "the platform"
    return f"Waits for {whom}: {wait.kind.replace('_', ' ')}, until {wait.until:%Y-%m-%d %H:%M} UTC"


def _standing(start: DisputeInput) -> Dispute:
    """The dispute a run begins with: just opened, or carried over from the run before."""
    if start.resumed is not None:
        policy = interned(start.resumed.policy, start.resumed.policy_digest)
        return start.resumed.model_copy(update={"policy": policy})
    # `DisputeInput` refuses an input that has neither.
    assert start.opened is not None
    assert start.policy is not None
    assert start.calendar is not None
    policy = interned(start.policy, start.opened.policy_digest)
    return begin(start.opened, policy, start.calendar, test_clock=start.test_clock)
