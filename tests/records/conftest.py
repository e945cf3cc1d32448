"""A real PostgreSQL for the store's tests: one cluster a session, an empty schema for every test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from localstack.postgres import Postgres
from store.database import Database
from store.migrate import migrate
from tests.records.cases import TABLES

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Postgres]:
    # Not pytest's own folder: PostgreSQL may run as another account, which has to get in.
    folder = Path(tempfile.mkdtemp(prefix="disputes-store-"))
    folder.chmod(0o755)
    postgres = Postgres(folder / "postgres")
    asyncio.run(postgres.start())
    yield postgres
    asyncio.run(postgres.stop())
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(cluster: Postgres) -> str:
    migrate(asyncio.run(cluster.create_database("template_store")))
    return "template_store"


@pytest.fixture
def empty_dsn(cluster: Postgres) -> Iterator[str]:
    """A database without a schema."""
    yield from _database(cluster, "template0")


@pytest.fixture
def own_dsn(cluster: Postgres, template: str) -> Iterator[str]:
    """A database with the current schema, for a test that changes it."""
    yield from _database(cluster, template)


@pytest.fixture(scope="session")
def shared_dsn(cluster: Postgres, template: str) -> Iterator[str]:
    yield from _database(cluster, template)


@pytest.fixture
def dsn(shared_dsn: str) -> str:
    """A database with the current schema and no rows."""
    with psycopg.connect(shared_dsn) as connection:
        # As a replica: neither foreign keys nor the guard of the timeline look.
        connection.execute("set session_replication_role = replica")
        for table in TABLES:
            connection.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))
    return shared_dsn


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with Database(dsn) as opened:
        yield opened


def _database(cluster: Postgres, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        yield cluster.dsn(name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
