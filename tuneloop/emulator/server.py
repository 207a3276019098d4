"""Start an emulator on a real socket: in a thread for tests and the demo, or blocking for the shell."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from uvicorn import Config

from tuneloop.emulator import calls, control_routes, object_routes
from tuneloop.emulator.connection import BreakableProtocol, BreakingServer
from tuneloop.emulator.control import EmulatorControl
from tuneloop.emulator.emulation import WEIGHTS_BYTES, Emulation
from tuneloop.emulator.jobs import Progress
from tuneloop.emulator.middleware import FaultMiddleware
from tuneloop.emulator.providers import PROVIDERS

HOST = "127.0.0.1"
_START_S = 10.0


class PortInUse(OSError):
    """Another program listens on the port."""


@contextmanager
def running_emulator(
    provider: str,
    folder: Path,
    port: int = 0,
    *,
    weights_bytes: int = WEIGHTS_BYTES,
    progress: Progress | None = None,
) -> Iterator[EmulatorControl]:
    """Run an emulator in a thread while the block lasts, and yield its controls.

    Args:
        provider: a name from `PROVIDERS`.
        folder: where its state lives; the same folder again goes on where the last one stopped.
        port: 0 takes a free one.
        weights_bytes: size of every weights file; gigabytes are written without memory.
        progress: policy to put in force; None keeps the folder's, or else the provider's own.

    Raises:
        PortInUse: if the port is taken.
        ValueError: for an unknown provider.
    """
    with _emulation(provider, port, folder, weights_bytes) as (listener, emulation):
        if progress is not None:
            emulation.jobs.set_policy(progress)
        server = _server(emulation)
        thread = threading.Thread(target=server.run, args=([listener],), name="emulator", daemon=True)
        thread.start()
        if not server.running.wait(_START_S):
            raise RuntimeError(f"emulator: did not start within {_START_S} s; see the error above")
        try:
            # Ends before the server: an early delivery that was under way would keep its request open.
            with emulation.webhooks.going_out():
                yield EmulatorControl(_address(listener))
        finally:
            server.stop()
            thread.join()


def serve(provider: str, port: int, folder: Path, *, weights_bytes: int = WEIGHTS_BYTES) -> None:
    """Run an emulator until it is interrupted; print its address and its test key once it listens.

    Raises:
        PortInUse: if the port is taken; nothing has been printed then.
        ValueError: for an unknown provider.
    """
    with _emulation(provider, port, folder, weights_bytes) as (listener, emulation):
        key = emulation.provider.api_key
        sys.stdout.write(f"{provider} emulator on {_address(listener)}\ntest key: {key}\nstate: {folder}\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt), emulation.webhooks.going_out():
            _server(emulation).run([listener])


@contextmanager
def _emulation(
    provider: str, port: int, folder: Path, weights_bytes: int
) -> Iterator[tuple[socket.socket, Emulation]]:
    if provider not in PROVIDERS:
        raise ValueError(f"emulator: no provider {provider!r}; choose one of {', '.join(PROVIDERS)}")
    try:
        listener = socket.create_server((HOST, port), backlog=2048)
    except OSError as error:
        why, _, _ = str(error.strerror).partition(" (while")  # which Python adds, with the address again
        raise PortInUse(f"emulator: port {port} of {HOST} cannot be used ({why}); choose another port") from error
    with listener, closing(Emulation(PROVIDERS[provider], folder, weights_bytes)) as emulation:
        yield listener, emulation


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _server(emulation: Emulation) -> BreakingServer:
    app = Starlette(
        routes=[
            *control_routes.routes(emulation),
            *object_routes.routes(emulation),
            *emulation.provider.routes(emulation),
        ],
        middleware=[Middleware(FaultMiddleware, emulation=emulation)],
        exception_handlers={calls.Rejected: calls.rejected, **emulation.provider.error_pages},
    )
    app.router.redirect_slashes = emulation.provider.redirects_slashes
    config = Config(
        app,
        http=BreakableProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
    )
    return BreakingServer(config)
