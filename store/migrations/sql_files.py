"""Runs the hand-written SQL of a revision as it stands in its files."""

from __future__ import annotations

from pathlib import Path

from alembic import op

_VERSIONS = Path(__file__).parent / "versions"


def run(folder: str) -> None:
    """Run all `.sql` files of a folder below `versions`, in order of their names."""
    # The driver's own connection: SQLAlchemy would read colons and percent signs as parameters.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for file in sorted((_VERSIONS / folder).glob("*.sql")):
        driver.execute(file.read_text(encoding="utf-8"))
