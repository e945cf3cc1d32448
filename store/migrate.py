"""Brings a database to the current schema, or back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from store.errors import StoreUnavailable

_PAUSE = timedelta(milliseconds=100)


def migrate(dsn: str, *, wait: timedelta = timedelta(seconds=30)) -> None:
    """Upgrade the schema to the newest revision; two migrators at once do it once.

    Args:
        dsn: a PostgreSQL connection string of a role that may create tables.
        wait: how long to wait for a database that does not answer yet.

    Raises:
        StoreUnavailable: the database did not answer within `wait`.
    """
    with _connected(dsn, wait) as connection:
        command.upgrade(_config(connection), "head")


def roll_back(dsn: str, *, revision: str = "base", wait: timedelta = timedelta(seconds=30)) -> None:
    """Downgrade the schema to `revision`; `base` drops everything, with all data.

    Raises:
        StoreUnavailable: the database did not answer within `wait`.
    """
    with _connected(dsn, wait) as connection:
        command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connected(dsn: str, wait: timedelta) -> Iterator[Connection]:
    _await_database(dsn, wait)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _await_database(dsn: str, wait: timedelta) -> None:
    give_up_at = time.monotonic() + wait.total_seconds()
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() >= give_up_at:
                raise StoreUnavailable(str(error).strip().splitlines()[0]) from error
            time.sleep(_PAUSE.total_seconds())
