"""The command `disputes`: everything it does, by name."""

from __future__ import annotations

import typer

from starter.cli import cases, running, showing
from starter.cli.speaking import AsJson, finish, write_json, write_table
from starter.stack_file import find_settings

app = typer.Typer(
    name="disputes",
    help="Disputes between buyers and sellers, each one durable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command("up")(running.up)
app.command("demo")(running.demo)
app.command("open")(cases.open_disputes)
app.command("list")(showing.list_disputes)
app.command("show")(showing.show)
app.command("timeline")(showing.timeline)
app.command("forecast")(showing.forecast)
app.command("allowed")(showing.allowed)
app.command("act")(cases.act)
app.command("clock")(cases.clock)
app.command("worker")(running.worker)
app.command("relay")(running.relay)
app.command("sandbox", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(running.sandbox)
app.command("migrate")(running.migrate)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at every part; exit code 1 when something is wrong, with what to do about it."""

    # What it needs to know migrations takes half a second to import; other commands need not wait for it.
    from starter.doctor import Finding, examine

    async def work() -> list[Finding]:
        return await examine(find_settings())

    findings = finish(work(), as_json=as_json)
    if as_json:
        write_json(findings)
    else:
        write_table(
            ("", "PART", "FOUND", "DO"),
            [("ok" if one.mend is None else "!!", one.part, one.found, one.mend) for one in findings],
        )
    if any(one.mend is not None for one in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
