"""Fixtures of the policy tests: a folder for documents written by a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def document(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a policy document and returns where it stands."""

    def write(text: str) -> Path:
        path = tmp_path / "policy.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
