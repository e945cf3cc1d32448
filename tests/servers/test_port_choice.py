"""Ports of the local stack: kept while they are free, outside the range of outgoing connections."""

import socket
from pathlib import Path

import pytest

from localstack.ports import HIGHEST, LOWEST, Ports


def test_a_name_keeps_its_port_and_no_two_names_share_one() -> None:
    ports = Ports()
    chosen = [ports.port(f"server-{number}") for number in range(20)]
    assert len(set(chosen)) == 20
    assert all(LOWEST <= port < HIGHEST for port in chosen)
    assert [ports.port(f"server-{number}") for number in range(20)] == chosen
    assert list(ports.assigned.values()) == chosen
    assert [Ports(ports.assigned).port(f"server-{number}") for number in range(20)] == chosen


def test_a_port_taken_meanwhile_is_replaced() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        assert Ports({"server": taken}).port("server") != taken
    assert Ports({"server": taken}).port("server") == taken


def test_two_names_known_by_one_port_get_two() -> None:
    free = Ports().port("any")
    ports = Ports({"one": free, "two": free})
    assert ports.port("one") == free
    assert ports.port("two") != free


def test_no_outgoing_connection_of_this_machine_can_take_one() -> None:
    settings = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not settings.exists():
        pytest.skip("only Linux tells its range")
    lowest_outgoing, _ = map(int, settings.read_text().split())
    assert lowest_outgoing >= HIGHEST
