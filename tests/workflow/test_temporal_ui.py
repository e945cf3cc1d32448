"""What operators see in the real Temporal UI with a real browser: a dispute reads as the story of the case.

This version of the UI (2.54) shows names, summaries and details; the phases, which every event carries as its group's
label, it does not show yet.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import quote

import pytest
from playwright.async_api import Error, Page, async_playwright

from localstack.binaries import find_ui
from localstack.ports import Ports
from localstack.progress import silent
from localstack.temporal_ui import TemporalUi
from tests.stage import Case, Stage
from tests.stories.acting import code_of, to_review
from tests.stories.quarrels import appeal_decided, crossing_offers

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 60.0
MINUTE = r"\d{4}-\d\d-\d\d \d\d:\d\d"


@pytest.fixture(scope="module")
async def ui(scene: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The UI's address, looking at the server the stories play on."""
    server = TemporalUi(
        await find_ui(silent()),
        tmp_path_factory.mktemp("ui"),
        temporal_address=scene.settings.temporal_address,
        port=Ports({}).port("temporal-ui"),
    )
    await server.start()
    yield server.url
    await server.stop()


@pytest.fixture(scope="module")
async def page(ui: str) -> AsyncIterator[Page]:
    """One tab, tall enough for a whole history: the UI renders only what is in sight."""
    browser_path = shutil.which("chromium")
    assert browser_path, "install Debian's package chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        tab = await browser.new_page(base_url=ui, viewport={"width": 1500, "height": 12_000})
        yield tab
        await browser.close()


async def look(page: Page, case: Case, tab: str) -> None:
    """Opens one tab of the dispute's page."""
    run_id = (await case.handle.describe()).run_id
    await page.goto(f"/namespaces/default/workflows/{quote(case.handle.id, safe='')}/{run_id}/{tab}")


async def sees(page: Page, *patterns: str) -> None:
    """Waits until the page, embedded documents included, shows all of these regular expressions."""
    missing, text = list(patterns), ""
    try:
        async with asyncio.timeout(SECONDS):
            while missing:
                await asyncio.sleep(0.1)
                text = await _text(page)
                missing = [pattern for pattern in patterns if not re.search(pattern, text, re.MULTILINE)]
    except TimeoutError:
        raise AssertionError(f"{missing} is never shown; the page says:\n{text[-4_000:]}") from None


async def _text(page: Page) -> str:
    parts = []
    for frame in page.frames:
        # The UI replaces its embedded documents while it loads: one that has gone says nothing.
        with suppress(Error):
            parts.append(await frame.locator("body").inner_text())
    return "\n".join(parts)


async def test_the_timeline_names_the_commands_and_the_clocks(scene: Stage, page: Page) -> None:
    case = await appeal_decided(scene)
    await look(page, case, "timeline")
    commands = ("answer", "complain", "answer_complaint", "take", "decide", "reject", "submit_evidence")
    await sees(
        page,
        "COMPLETED",
        '"dismissed by appeal"',
        *(f"^{command}$" for command in commands),
        "^gather_facts • Asks .*carriers",
        rf"^Waits for seller: first answer, until {MINUTE} UTC$",
        rf"^Waits for seller: complaint answer, until {MINUTE} UTC$",
    )


async def test_the_history_says_what_was_written_and_what_was_refused(scene: Stage, page: Page) -> None:
    case = await appeal_decided(scene)
    await look(page, case, "history")
    await sees(
        page,
        "^Negotiation: writes answer by seller$",
        "^Review: writes decide by arbiter$",
        "^Review: refuses take, had_a_part$",
        "^Review: refuses answer_complaint, not_your_turn$",
        "^Review: writes what the platform did$",
    )


async def test_a_refund_says_how_much_it_is(scene: Stage, page: Page) -> None:
    case = await crossing_offers(scene)
    await look(page, case, "timeline")
    await sees(page, r"Refunds 5000 CNY \(minor units\) as refund", '"settled by agreement"')


async def test_a_running_dispute_says_whose_turn_it_is(scene: Stage, page: Page) -> None:
    case = await scene.open()
    await to_review(case)
    assert await code_of(case.act("confirm", case.buyer, proposal_id="p1")) == "wrong_phase"
    order_id = (await case.now()).order.order_id
    await look(page, case, "user-metadata")
    await sees(
        page,
        "RUNNING",
        rf"^not_as_described: 15000 CNY \(minor units\), order {order_id}$",
        "Goods: delivered",
        "Policy: marketplace-default",
        "^review, version",
        "Turn: arbiter",
        rf"review_target until {MINUTE.replace(' ', 'T')}:\d\dZ, silence means platform_alerted",
        "Last refused: confirm by buyer was refused: wrong_phase",
    )
    await case.act("withdraw", case.buyer)
