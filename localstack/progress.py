"""What the local stack tells a person on the terminal while it works."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.status import Status

# Plain logs (CI, pipes) get one line for news at least this far apart, in seconds.
PLAIN_DETAIL_EVERY = 10.0


class Step(Protocol):
    """A piece of work under way."""

    def detail(self, text: str) -> None:
        """Show `text` as the latest news of this step."""


class Progress:
    """Writes steps to a stream: animated on a terminal, plain lines elsewhere, nothing without a stream."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        animated = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
        # rich itself obeys NO_COLOR for colours; a spinner is kept, it carries no meaning by colour.
        self._console = Console(file=stream, highlight=False) if animated else None

    def say(self, text: str) -> None:
        """Write one line."""
        if self._console is not None:
            self._console.print(text, markup=False)
        elif self._stream is not None:
            print(text, file=self._stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Show `text` while the block runs, then one line with the seconds it took (or that it failed)."""
        began = time.monotonic()
        shown: Step
        if self._console is not None:
            status = self._console.status(text)
            status.start()
            shown = _AnimatedStep(status, text, began)
        else:
            status = None
            shown = _PlainStep(self, text, began)
        ended = "failed"
        try:
            yield shown
            ended = "done"
        finally:
            if status is not None:
                status.stop()
            self.say(f"{text}: {ended} ({time.monotonic() - began:.1f} s)")


class _AnimatedStep:
    def __init__(self, status: Status, text: str, began: float) -> None:
        self._status = status
        self._text = text
        self._began = began

    def detail(self, text: str) -> None:
        line = f"{self._text} ({time.monotonic() - self._began:.0f} s) {text}"
        self._status.update(line[: self._status.console.width - 4].replace("[", r"\["))


class _PlainStep:
    def __init__(self, progress: Progress, text: str, began: float) -> None:
        self._progress = progress
        self._text = text
        self._began = began
        self._told = began

    def detail(self, text: str) -> None:
        now = time.monotonic()
        if now - self._told >= PLAIN_DETAIL_EVERY:
            self._told = now
            self._progress.say(f"{self._text}: {now - self._began:.0f} s so far, {text}")


def on_terminal() -> Progress:
    """Progress on stderr: talk goes there, data goes to stdout."""
    return Progress(sys.stderr)


def silent() -> Progress:
    """Progress for use as a library: says nothing."""
    return Progress(None)
