"""What people see while the local stack works: animated on a terminal, plain lines elsewhere."""

import io
import os
import re

import pytest

from localstack.progress import Progress, silent


def test_elsewhere_a_step_is_one_plain_line_when_it_ends() -> None:
    said = io.StringIO()
    progress = Progress(said)
    with progress.step("Building") as step:
        step.detail("too early for a line of its own")
    progress.say("[not markup]")
    assert re.fullmatch(r"Building: done \(0\.\d s\)\n\[not markup\]\n", said.getvalue())


def test_a_step_that_fails_says_so() -> None:
    said = io.StringIO()
    with pytest.raises(ZeroDivisionError), Progress(said).step("Dividing"):
        _ = 1 / 0
    assert said.getvalue().startswith("Dividing: failed")


def test_a_terminal_shows_the_latest_detail_and_keeps_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        with Progress(terminal).step("Building") as step:
            step.detail("compiling [net/http]")
        shown = b""
        # A terminal hands over what it has, in pieces; without the end the test's own time limit strikes.
        while b"Building: done" not in shown:
            shown += os.read(master, 65536)
    os.close(master)
    assert b"compiling [net/http]" in shown


def test_silence_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    with silent().step("Building") as step:
        step.detail("compiling")
    silent().say("anything")
    assert capfd.readouterr() == ("", "")
