"""Which Temporal server is taken, in which order, and what is said when there is none."""

import asyncio
import io
import sys
from pathlib import Path

import pytest

import localstack
from localstack.binaries import SERVER, NotFound, find_temporal, find_ui
from localstack.progress import Progress, silent
from localstack.temporal import TemporalBinary

# A `go` that records how it was called and "installs" a program that says who made it.
GO = """#!/bin/sh
echo "$@" >> "{calls}"
echo go: downloading everything
/bin/sleep 0.3
printf '#!/bin/sh\\necho built' > "$GOBIN/server"
/bin/chmod +x "$GOBIN/server"
"""
BROKEN_GO = "#!/bin/sh\necho 'requires go >= 1.99' >&2\nexit 1\n"
OLD_CLI = "#!/bin/sh\necho 'unknown flag: --dynamic-config-value' >&2\nexit 1\n"
# A CLI whose `server start-dev` is the real server, with time skipping as the flags say.
GOOD_CLI = """#!{python}
import json, os, pathlib, sys, tempfile
sys.path.insert(0, {root!r})
from localstack.ports import Ports
from localstack.temporal import TemporalBinary, TemporalServer
flags = sys.argv[3:]
port = int(flags[flags.index("--port") + 1])
values = [flags[at + 1].split("=", 1) for at, flag in enumerate(flags) if flag == "--dynamic-config-value"]
server = TemporalServer(
    TemporalBinary(pathlib.Path({server!r}), is_cli=False),
    pathlib.Path(tempfile.mkdtemp(dir={folder!r})),
    in_memory=True,
    ports=Ports({{"temporal-frontend": port}}),
    dynamic_config={{key: {skips} and json.loads(value) for key, value in values}},
)
server._write_config()
os.execv(server.child.argv[0], server.child.argv)
"""


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cached program, nothing on PATH, no network."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:1")


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def good_cli(server: Path, folder: Path, *, skips: bool) -> str:
    root = str(Path(localstack.__file__).parent.parent)
    return GOOD_CLI.format(python=sys.executable, root=root, server=str(server), folder=str(folder), skips=skips)


async def test_a_server_built_before_is_taken_first(tmp_path: Path) -> None:
    built = program(tmp_path / "disputes" / "temporal-server-1.32.1" / "server", "#!/bin/sh\n")
    program(tmp_path / "bin" / "temporal", "#!/bin/sh\n")
    assert await find_temporal(silent()) == TemporalBinary(built, is_cli=False)


async def test_a_cli_on_path_is_taken_when_its_server_skips_time(
    temporal_binary: TemporalBinary, tmp_path: Path
) -> None:
    cli = program(tmp_path / "bin" / "temporal", good_cli(temporal_binary.path, tmp_path, skips=True))
    said = io.StringIO()
    assert await find_temporal(Progress(said)) == TemporalBinary(cli, is_cli=True)
    assert said.getvalue().endswith(f"Temporal server: {cli} (CLI on PATH)\n")


async def test_without_any_way_it_names_them_all(temporal_binary: TemporalBinary, tmp_path: Path) -> None:
    cli = program(tmp_path / "bin" / "temporal", good_cli(temporal_binary.path, tmp_path, skips=False))
    with pytest.raises(NotFound) as refused:
        await find_temporal(silent())
    sentence = str(refused.value)
    assert sentence.startswith("There is no Temporal server to run: give the address of a running one, ")
    assert f"put a current temporal CLI on PATH ({cli} does not skip time)" in sentence
    assert "let the SDK download it (RuntimeError: Failed starting Temporal dev server" in sentence
    assert sentence.endswith("install Go so that it can be built (go is not on PATH).")


async def test_the_last_way_is_a_build_with_go(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "temporal", OLD_CLI)
    program(tmp_path / "bin" / "go", GO.format(calls=tmp_path / "calls"))
    said = io.StringIO()
    found = await find_temporal(Progress(said))
    assert found == TemporalBinary(tmp_path / "disputes" / "temporal-server-1.32.1" / "server", is_cli=False)
    assert found.path.read_text() == "#!/bin/sh\necho built"
    assert (tmp_path / "calls").read_text() == f"install -v -ldflags -s -w {SERVER.package}@v1.32.1\n"
    assert "Building the Temporal server 1.32.1 with Go" in said.getvalue()
    # Nothing half-made stays behind, and the second time nothing is built.
    assert not list((tmp_path / "disputes").glob(".*"))
    assert await find_temporal(silent()) == found
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


async def test_two_at_once_build_once(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "go", GO.format(calls=tmp_path / "calls"))
    first, second = await asyncio.gather(find_ui(silent()), find_ui(silent()))
    assert first == second
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


async def test_a_build_that_fails_says_what_the_compiler_said(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "go", BROKEN_GO)
    with pytest.raises(NotFound, match=r"install Go so that it can be built \(go install .* requires go >= 1\.99"):
        await find_ui(silent())
    assert not (tmp_path / "disputes" / "temporal-ui-2.54.1").exists()
