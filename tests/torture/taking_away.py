"""Takes guards away: lines of the database's functions, in the database of one test, and lines of ours."""

from __future__ import annotations

import inspect
from types import FunctionType, ModuleType

import psycopg
from psycopg import sql

from tests.stage import Stage


async def sql_without(built: Stage, function: str, guard: str, instead: str = "") -> None:
    """Replaces `guard` in a function of this stage's database; fails when the text is not there."""
    dsn = built.settings.database_dsn.get_secret_value()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await connection.execute("select pg_get_functiondef(%s::regproc)", [function])
        row = await found.fetchone()
        assert row is not None
        definition: str = row[0]
        assert definition.count(guard) == 1, f"{function} has no such text any more: {guard}"
        await connection.execute(sql.SQL(definition.replace(guard, instead)))


def source_without(module: ModuleType, name: str, guard: str, instead: str = "") -> FunctionType:
    """A function of `module` with `guard` replaced; fails when the text is not there."""
    source = inspect.getsource(getattr(module, name))
    assert source.count(guard) == 1, f"{name} has no such text any more: {guard}"
    names = dict(vars(module))
    exec(compile(source.replace(guard, instead), f"<{name} without its guard>", "exec"), names)
    changed = names[name]
    assert isinstance(changed, FunctionType)
    return changed
