"""PostgreSQL for the local stack: a cluster of our own, run from the wheel's binaries as our direct child."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from localstack.children import Account, Child, ChildFailed
from localstack.ports import Ports
from localstack.postgres_binaries import NotReachable, binaries_for, may_enter, unprivileged_account

SUPERUSER = "disputes"
_START_TIMEOUT = 30.0  # seconds; crash recovery of a local data folder included
_CONNECT_TIMEOUT = 2  # seconds
# A server killed a moment ago still dies, and its backends hold the shared memory until they notice.
_PREDECESSOR_GRACE = 5.0  # seconds
_PREDECESSOR_THERE = ('lock file "postmaster.pid" already exists', "pre-existing shared memory block")

# Where the cluster goes when we are root and the account PostgreSQL runs as cannot enter the data folder.
_REACHABLE_DATA = Path("/var/lib/disputes")


class Postgres:
    """One PostgreSQL cluster in a folder, listening on loopback TCP with SCRAM; settings are the durable ones.

    PostgreSQL refuses to run as root, so under root it runs as `nobody` and the folder is given to that
    account. When that account cannot enter the folder (under /root, say) the cluster lives in
    /var/lib/disputes and the folder is a symbolic link to it.
    """

    def __init__(self, folder: Path, *, ports: Ports | None = None, log: Path | None = None) -> None:
        """`folder` is created and initialised when it is missing; `ports` None takes any free port."""
        self.folder = folder.absolute()
        self.port = (ports or Ports()).port("postgresql")
        self._account = unprivileged_account()
        self._log = log or self.folder.with_name(f"{self.folder.name}.log")
        self._child: Child | None = None
        self._binaries: Path | None = None

    @property
    def child(self) -> Child:
        """The server's process; raises ChildFailed before the first start."""
        if self._child is None:
            raise ChildFailed("PostgreSQL was never started.")
        return self._child

    def dsn(self, database: str = "postgres") -> str:
        """A connection URL for `database` as the cluster's owner. It holds the password: never log it."""
        password = (self.folder / "password").read_text()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        """Initialise the folder when it is new, start the server, wait until it answers.

        Raises ChildFailed when it does not come up, NotReachable when root has no place for it.
        """
        self._binaries = await asyncio.to_thread(binaries_for, self._account)
        cluster = self.folder / "cluster"
        if not cluster.exists():
            await self._initialise(self._binaries)
        await self._start_server()

    async def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, a checkpoint is written."""
        if self._child is not None:
            await self._child.stop()

    async def kill(self) -> None:
        """Kill the postmaster with -9; its backends notice and end by themselves."""
        await self.child.kill()

    async def restart(self) -> None:
        """Start again on the same folder and port, after `stop`, `kill` or while running."""
        await self.stop()
        await self.start()

    async def remove(self) -> None:
        """Stop it and delete its folder, wherever that is."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder.resolve(), ignore_errors=True)
        if self.folder.is_symlink():
            self.folder.unlink()

    async def create_database(self, name: str) -> str:
        """Create database `name` unless it exists; gives its connection URL."""
        async with await psycopg.AsyncConnection.connect(self.dsn(), autocommit=True) as connection:
            found = await connection.execute("select 1 from pg_database where datname = %s", [name])
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.dsn(name)

    async def _start_server(self) -> None:
        give_up = time.monotonic() + _PREDECESSOR_GRACE
        while True:
            self._child = self._server()
            self._child.start()
            try:
                await self._child.wait_until(self._answers, timeout=_START_TIMEOUT)
                return
            except ChildFailed as failed:
                await self._child.kill()
                if time.monotonic() > give_up or not any(sign in str(failed) for sign in _PREDECESSOR_THERE):
                    raise
                await asyncio.sleep(0.1)
            except BaseException:
                await self._child.kill()
                raise

    def _server(self) -> Child:
        cluster = (self.folder / "cluster").resolve()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
        }
        assert self._binaries is not None
        argv = [str(self._binaries / "postgres"), "-D", str(cluster)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        env = dict(os.environ)
        predecessor = _pid_in_lock_file(cluster)
        if predecessor is not None and _is_zombie(predecessor):
            # Killed with its parent, and nobody has reaped it (in a container without an init nobody ever
            # will). PostgreSQL would take the pid for a running server; this variable, pg_ctl's own way,
            # names a pid that is none.
            env["PG_GRANDPARENT_PID"] = str(predecessor)
        return Child(
            "PostgreSQL",
            argv,
            log=self._log,
            env=env,
            cwd=Path("/"),
            account=self._account,
            # The fast shutdown; SIGTERM would wait until every client has left.
            stop_signal=signal.SIGINT,
        )

    async def _answers(self) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(self.dsn(), connect_timeout=_CONNECT_TIMEOUT)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True

    async def _initialise(self, binaries: Path) -> None:
        password_file, unfinished = self._prepare_folder()
        argv = [
            str(binaries / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # The same order of texts on every platform, whatever locales it has.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        initdb = Child("initdb", argv, log=self._log, cwd=Path("/"), account=self._account)
        initdb.start()
        try:
            code = await initdb.wait()
        finally:
            await initdb.kill()
        if code != 0:
            raise ChildFailed(f"initdb failed in {self.folder} with code {code}: {initdb.last_words()}")
        unfinished.rename(unfinished.with_name("cluster"))

    def _prepare_folder(self) -> tuple[Path, Path]:
        """Make the folder and a password in it; gives the password's file and where initdb may work."""
        self._make_folder()
        # initdb and postgres know the folder by its real name: nobody cannot follow a link in a private place.
        home = self.folder.resolve()
        password_file = home / "password"
        # 0600 from the first moment: nobody else ever reads it.
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
        if self._account is not None:
            os.chown(password_file, self._account.uid, self._account.gid)
        # Under another name until it is whole: what an initdb that was killed left must not pass for a cluster.
        unfinished = home / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        return password_file, unfinished

    def _make_folder(self) -> None:
        account = self._account
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if account is None:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            return
        if not self.folder.exists():
            if may_enter(account, self.folder.parent):
                self.folder.mkdir(mode=0o700)
            else:
                self._link_to_reachable_folder(account)
        os.chown(self.folder, account.uid, account.gid)

    def _link_to_reachable_folder(self, account: Account) -> None:
        try:
            _REACHABLE_DATA.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise NotReachable(
                f"PostgreSQL runs as nobody, who can enter neither {self.folder} nor {_REACHABLE_DATA} ({error}): "
                "choose a data folder that every user may enter."
            ) from error
        if not may_enter(account, _REACHABLE_DATA):
            raise NotReachable(
                f"PostgreSQL runs as nobody, who can enter neither {self.folder} nor {_REACHABLE_DATA}: "
                "choose a data folder that every user may enter."
            )
        self.folder.symlink_to(tempfile.mkdtemp(prefix="postgresql-", dir=_REACHABLE_DATA))


def _pid_in_lock_file(cluster: Path) -> int | None:
    try:
        return int((cluster / "postmaster.pid").read_text().split(maxsplit=1)[0])
    except (FileNotFoundError, IndexError):
        return None


def _is_zombie(pid: int) -> bool:
    try:
        # "pid (name) state ...", where the name may hold anything. Only Linux has this file, and only there
        # may the first process forget to reap.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return False
