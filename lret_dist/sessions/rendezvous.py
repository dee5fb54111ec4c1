"""How MPI rank 0 of a started MPI job finds the process that started it, and each trusts the other.

The starting process listens. It writes where, and a random key, to the job's standard input, which
launchers hand to MPI rank 0: so the key is in no argument, no environment and no file. On a single
machine the socket has an abstract name. Where MPI ranks may be on other hosts it is a TCP port, and
what is sent there is as open to the cluster's network as MPI's own messages are.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from typing import TYPE_CHECKING, Any

from lret_dist.files.plain_data import Node

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Rendezvous", "meet"]

#: Seconds that whoever calls has to show the key.
_HANDSHAKE_SECONDS = 5
_KEY_BYTES = 32
#: An invitation is far shorter.
_MOST_LETTERS = 4096


class Rendezvous:
    """The listening side, for one caller."""

    def __init__(self, *, other_hosts: bool) -> None:
        """Listen; ``other_hosts`` says whether the caller may be on another one."""
        self._key = secrets.token_bytes(_KEY_BYTES)
        if other_hosts:
            self._socket = socket.create_server(("", 0))
            self._address: Any = [socket.gethostname(), self._socket.getsockname()[1]]
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._address = f"\0lret-{secrets.token_hex(16)}"
            self._socket.bind(self._address)
            self._socket.listen()

    def __enter__(self) -> Rendezvous:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    @property
    def invitation(self) -> bytes:
        """The line for MPI rank 0: secret."""
        return json.dumps({"address": self._address, "key": self._key.hex()}).encode() + b"\n"

    def accept(self, seconds: float) -> Connection | None:
        """Wait for the caller; None when nobody who has the key came in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                caller, _ = self._socket.accept()
            except TimeoutError:
                return None
            if (connection := self._checked(caller)) is not None:
                return connection
        return None

    def _checked(self, caller: socket.socket) -> Connection | None:
        caller.settimeout(None)
        _limit_reading(caller, _HANDSHAKE_SECONDS)
        connection = Connection(caller.detach())
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
        except (AuthenticationError, EOFError, OSError):
            connection.close()
            return None
        with socket.socket(fileno=connection.fileno()) as again:
            _limit_reading(again, 0)
            again.detach()
        return connection


def _limit_reading(of: socket.socket, seconds: int) -> None:
    """Let every read fail after so many seconds; 0 lets it wait."""
    of.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", seconds, 0))


def meet(invitation: str) -> Connection:
    """Call the process that wrote the invitation.

    Raises:
        OSError: when it does not listen any more.
        ValueError: for what is no invitation. The text shows nothing of it, as it holds the key.
    """
    try:
        fields = Node(json.loads(invitation[:_MOST_LETTERS])).fields(("address", "key"))
        address, key = _address(fields["address"]), bytes.fromhex(fields["key"].text())
    except (ValueError, RecursionError):
        address, key = "", b""
    if not address or not key:
        raise ValueError(
            "expected an invitation on standard input, as LRET writes it to the job that it starts"
        ) from None
    return Client(address, authkey=key)


def _address(node: Node) -> str | tuple[str, int]:
    """Name of a local socket, or host and port."""
    if isinstance(node.value, str):
        return node.text()
    host, port = node.items(least=2, most=2)
    name = host.text()
    # A machine's own name may stand for an address that it does not listen on.
    name = "localhost" if name == socket.gethostname() else name
    return name, port.integer(least=1, most=65535)
