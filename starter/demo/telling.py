"""The demo, `disputes demo`: a fresh stack, four stories, twenty disputes from orders, and what came of them."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from domain.dispute import Phase
from domain.outlook import View
from localstack.binaries import NotFound as NoServer
from localstack.postgres_binaries import NotReachable
from localstack.progress import Progress, on_terminal
from starter.cli.running import SAMPLE_ORDERS
from starter.demo.case import TROUBLES
from starter.demo.order_disputes import open_disputes, run_to_the_end, show
from starter.demo.order_rows import Candidate, OrderFile, Unreadable, read_orders
from starter.demo.record import Record, disagreements, measure
from starter.demo.scene import Scene, set_scene
from starter.demo.stories import STORIES
from starter.demo.voice import Voice

STDOUT = Path("-")


def run(orders: Path | None, json_to: Path | None) -> int:
    """Tell the whole demo and leave the records.

    Args:
        orders: an order file as the sandbox world loads it; None takes the project's own.
        json_to: the file for the records; `-` writes them to stdout, and the telling goes to stderr then.

    Returns:
        The exit code: 0 when every dispute was closed and the books agree, otherwise 1 with the sentences saying why.
    """
    voice, progress = Voice(sys.stderr if json_to == STDOUT else sys.stdout), on_terminal()
    began = time.monotonic()
    try:
        file = orders or SAMPLE_ORDERS
        complaints = asyncio.run(_tell(read_orders(file), file, json_to, voice, progress))
    except asyncio.CancelledError:
        progress.say("The demo was stopped before its end; nothing is left running.")
        return 1
    except (NoServer, NotReachable, Unreadable, *TROUBLES) as error:
        progress.say(str(error))
        return 1
    for complaint in complaints:
        voice.say(f"Wrong: {complaint}")
    voice.say(f"The demo took {time.monotonic() - began:.1f} s, the servers' start and stop included.")
    if not complaints:
        voice.say("`disputes up` starts the same stack to stay, with its Temporal UI; look around there.")
    return 1 if complaints else 0


async def _tell(orders: OrderFile, file: Path, json_to: Path | None, voice: Voice, progress: Progress) -> list[str]:
    """Everything between the servers' start and stop; gives a sentence for each thing that went wrong."""
    _stop_in_order()
    complaints: list[str] = []
    async with set_scene(file, progress) as scene:
        _introduce(scene, voice)
        for number, story in enumerate(STORIES, start=1):
            voice.heading(f"Story {number} of {len(STORIES)}: {story.title}")
            try:
                await story.tell(scene, voice)
            except TROUBLES as error:
                complaints.append(f"Story {number}, {story.title}: {error}")
                voice.say(f"This story ends here: {error}")
        voice.heading(f"Disputes about orders of {file.name}")
        chosen: dict[str, Candidate] = {}
        try:
            opened = await open_disputes(scene, voice, orders, file.name)
            chosen = {case.opened.id: candidate for case, candidate in opened}
            complaints += await run_to_the_end(opened, progress)
        except TROUBLES as error:
            complaints.append(f"Disputes about orders: {error}")
        if not chosen:
            complaints.append(f"no dispute could be opened about any order of {file}")
        measured = await asyncio.gather(*(measure(case) for case in scene.cases))
        # Orders were disputed side by side: after the stories they stand as they were chosen, not as they came in.
        turns = {dispute_id: turn for turn, dispute_id in enumerate(chosen)}
        measured.sort(key=lambda one: turns.get(one[0].id, -1))
        show(voice, [(chosen[view.id], view, record) for view, record in measured if view.id in chosen])
        views, records = [view for view, _ in measured], [record for _, record in measured]
        complaints += [f"dispute {view.id} is not closed, it is in {view.phase}" for view in views if not _closed(view)]
        refunds = (await scene.books())["refunds"]
        complaints += disagreements(views, refunds)
        _sum_up(voice, views, records, len(refunds))
        try:
            _leave(records, json_to, voice)
        except OSError as error:
            complaints.append(f"the records cannot be written ({error}); choose another file with --json")
    return complaints


def _introduce(scene: Scene, voice: Voice) -> None:
    voice.heading("A dispute is one durable workflow")
    voice.say(
        "A buyer is unhappy with an order, a seller answers, an arbiter decides if they do not agree, and money moves "
        "exactly once. What follows happens now, on real servers: PostgreSQL keeps the record, Temporal keeps every "
        "dispute going for weeks through crashes, and a sandbox plays shop, carrier and payment provider. Only time is "
        "not real: each dispute has a clock of its own that can be moved on."
    )
    voice.link("The Temporal UI, while this runs:", scene.lines.ui)


def _sum_up(voice: Voice, views: Sequence[View], records: Sequence[Record], refunds: int) -> None:
    voice.heading("What came of it")
    closed = sum(map(_closed, views))
    voice.say(
        f"{closed} of {len(views)} disputes are closed. {sum(record.commands for record in records)} commands, "
        f"{sum(record.refused for record in records)} of them refused; {refunds} refunds in the provider's books; "
        f"{sum(record.virtual_days for record in records):.0f} days of disputes' time; "
        f"{sum(record.history_events for record in records)} events of workflow history, "
        f"{sum(record.history_bytes for record in records) / 1000:.0f} kB."
    )


def _leave(records: Sequence[Record], json_to: Path | None, voice: Voice) -> None:
    if json_to is None:
        return
    text = json.dumps([record.model_dump(mode="json") for record in records], ensure_ascii=False, indent=2) + "\n"
    if json_to == STDOUT:
        sys.stdout.write(text)
        return
    json_to.parent.mkdir(parents=True, exist_ok=True)
    json_to.write_text(text, encoding="utf-8")
    voice.say(f"All of it is in {json_to}.")


def _closed(view: View) -> bool:
    return view.phase is Phase.CLOSED


def _stop_in_order() -> None:
    """Ctrl-C and SIGTERM cancel the demo once; a second one must not break off the stopping of the servers."""
    here = asyncio.current_task()
    assert here is not None
    loop = asyncio.get_running_loop()

    def leave() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: None)
        here.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave)
