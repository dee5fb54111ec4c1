from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError

import pytest

import lret_dist.sessions.rendezvous
from lret_dist.sessions.rendezvous import Rendezvous, meet


@pytest.mark.parametrize("other_hosts", [False, True])
def test_who_has_the_key_comes_in(other_hosts: bool) -> None:
    with ThreadPoolExecutor() as pool, Rendezvous(other_hosts=other_hosts) as rendezvous:
        coming = pool.submit(meet, rendezvous.invitation.decode())
        here = rendezvous.accept(10)
        assert here is not None
        with here, coming.result(10) as there:
            sending = pool.submit(there.send, ["large", bytes(1 << 20)])
            assert here.recv() == ["large", bytes(1 << 20)]
            sending.result(10)
            there.close()
            with pytest.raises(EOFError):
                here.recv()


def test_nobody_comes() -> None:
    with Rendezvous(other_hosts=False) as rendezvous:
        assert rendezvous.accept(0.05) is None
    with pytest.raises(ConnectionRefusedError):
        meet(rendezvous.invitation.decode())


def test_strangers_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has the wrong key, another says nothing; neither keeps the right one from coming."""
    monkeypatch.setattr(lret_dist.sessions.rendezvous, "_HANDSHAKE_SECONDS", 1)
    with ThreadPoolExecutor() as pool, Rendezvous(other_hosts=True) as rendezvous:
        invitation = json.loads(rendezvous.invitation)
        stranger = pool.submit(meet, json.dumps(invitation | {"key": "00"}))
        time.sleep(0.1)
        with socket.create_connection(("localhost", invitation["address"][1])):
            coming = pool.submit(meet, rendezvous.invitation.decode())
            here = rendezvous.accept(10)
        with pytest.raises(AuthenticationError):
            stranger.result(10)
        assert here is not None
        here.close()
        coming.result(10).close()


@pytest.mark.parametrize(
    "invitation",
    [
        "",
        "{",
        "[" * 4000,
        "3",
        '{"address": "x"}',
        '{"address": "x", "key": "zz"}',
        '{"address": "", "key": "%s"}' % ("5e" * 32),
        '{"address": 3, "key": "%s"}' % ("5e" * 32),
        '{"address": ["host"], "key": "%s"}' % ("5e" * 32),
        '{"address": ["host", 0], "key": "%s"}' % ("5e" * 32),
        '{"address": ["host", "80"], "key": "%s"}' % ("5e" * 32),
        '{"address": "x", "key": "%s", "more": 1}' % ("5e" * 32),
        '{"address": "x", "key": "%s"}' % ("5e" * 3000),
    ],
)
def test_what_is_no_invitation(invitation: str) -> None:
    """The text says what was expected, and nothing of the key."""
    with pytest.raises(ValueError, match="expected an invitation on standard input") as caught:
        meet(invitation)
    assert "5e5e" not in str(caught.value)
