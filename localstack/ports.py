"""Ports on the loopback interface for the servers of the local stack."""

import random
import socket
from collections.abc import Mapping

# Below the ranges from which Linux (32768-60999) and macOS (49152-65535) take ports for outgoing
# connections: such a connection could otherwise sit on a server's port while that server restarts.
LOWEST, HIGHEST = 15_000, 32_000


class Ports:
    """Hands out one port for each name: the one known from an earlier run while it is free, else any free one."""

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self._known = dict(known or {})
        self._assigned: dict[str, int] = {}

    @property
    def assigned(self) -> Mapping[str, int]:
        """What was handed out so far, by name: what to remember for the next run."""
        return self._assigned

    def port(self, name: str) -> int:
        """The port of `name`, always the same one; raises OSError when no port is free."""
        if name not in self._assigned:
            known = self._known.get(name)
            usable = known is not None and known not in self._assigned.values() and _is_free(known)
            self._assigned[name] = known if usable and known is not None else self._any_free()
        return self._assigned[name]

    def _any_free(self) -> int:
        # At random, so that two stacks starting at the same moment hardly ever choose the same one.
        for port in random.SystemRandom().sample(range(LOWEST, HIGHEST), 1_000):
            if port not in self._assigned.values() and _is_free(port):
                return port
        raise OSError(f"No port is free on 127.0.0.1 from {LOWEST} to {HIGHEST}: stop some servers first.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Servers set it too: a connection of an earlier run in TIME_WAIT does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
