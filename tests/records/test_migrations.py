"""Migrations go up, down and up again, once, on a database that may still be starting."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest

from store.errors import StoreUnavailable
from store.migrate import migrate, roll_back
from tests.records.cases import TABLES

SCHEMA = """
    select table_name, column_name, data_type, is_nullable, column_default
      from information_schema.columns where table_schema = 'public'
    union all
    select 'index', indexname, indexdef, null, null from pg_indexes where schemaname = 'public'
    union all
    select 'function', proname, prosrc, null, null from pg_proc where pronamespace = 'public'::regnamespace
     order by 1, 2, 3
"""


def schema(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(SCHEMA).fetchall()


def test_up_down_up(empty_dsn: str) -> None:
    empty = schema(empty_dsn)
    migrate(empty_dsn)
    first = schema(empty_dsn)
    assert set(TABLES) < {row[0] for row in first}

    roll_back(empty_dsn)
    left = [row for row in schema(empty_dsn) if "alembic_version" not in str(row)]
    assert left == empty

    migrate(empty_dsn)
    assert schema(empty_dsn) == first


def test_a_second_upgrade_changes_nothing(dsn: str) -> None:
    before = schema(dsn)
    migrate(dsn)
    assert schema(dsn) == before


def test_two_migrators_at_once(empty_dsn: str) -> None:
    # Processes, as in life: two replicas that are rolled out together.
    argv = [sys.executable, "-c", "import sys; from store.migrate import migrate; migrate(sys.argv[1])", empty_dsn]
    migrators = [subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(migrator.communicate(timeout=30)[1], migrator.returncode) for migrator in migrators] == [("", 0)] * 2
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [("0001",)]


def test_no_database_is_said_in_one_sentence() -> None:
    with socket.socket() as deaf:
        # Bound and not listening: the port is ours, and whoever connects is refused.
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(StoreUnavailable, match="PostgreSQL is not available"):
            migrate(f"postgresql://nobody@127.0.0.1:{deaf.getsockname()[1]}/none", wait=timedelta(0))
