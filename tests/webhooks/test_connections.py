"""Strangers who connect and send nothing."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest

from tests.webhooks.conftest import only_segmind
from tests.webhooks.world import QUICK_S, Receiver, World, receiving
from tuneloop.webhooks.connections import MAX_CONNECTIONS, Connection


class Hasty(Connection):
    head_within_s = 0.2


def connection(receiver: Receiver) -> socket.socket:
    address = urlsplit(receiver.url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60)


@only_segmind
def test_true_call_is_taken_in_though_strangers_hold_every_connection(world: World) -> None:
    with receiving(world) as receiver, ExitStack() as idle:
        strangers = [idle.enter_context(connection(receiver)) for _ in range(MAX_CONNECTIONS + 20)]
        assert [receiver.post({"id": str(number)}) for number in range(3)] == [200, 200, 200]
        # The oldest ones made room.
        assert strangers[0].recv(1) == b""


@only_segmind
@pytest.mark.parametrize("sent", [b"", b"POST /hooks/x HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"])
def test_caller_without_a_whole_request_is_hung_up_on(world: World, sent: bytes) -> None:
    with receiving(world, QUICK_S, Hasty) as receiver, connection(receiver) as stranger:
        stranger.sendall(sent)
        with suppress(ConnectionResetError):
            while stranger.recv(4096):
                pass
        assert receiver.post({}) == 200


@only_segmind
def test_head_that_drips_in_is_hung_up_on(world: World) -> None:
    with receiving(world, QUICK_S, Hasty) as receiver, connection(receiver) as stranger:
        stranger.settimeout(0.02)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(stranger)


def drip(stranger: socket.socket) -> None:
    """Send a head without an end, byte by byte, until the connection is closed."""
    while True:
        stranger.sendall(b"x")
        with suppress(TimeoutError):
            if stranger.recv(1) == b"":
                raise ConnectionResetError
