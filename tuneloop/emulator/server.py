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

from tuneloop.emulator.bfl.routes import BFL
from tuneloop.emulator.connection import BreakableProtocol, BreakingServer
from tuneloop.emulator.control import EmulatorControl
from tuneloop.emulator.control_routes import ControlRoutes
from tuneloop.emulator.emulation import WEIGHTS_BYTES, Emulation, Provider
from tuneloop.emulator.middleware import Gate
from tuneloop.emulator.object_routes import ObjectRoutes
from tuneloop.emulator.progress import Progress
from tuneloop.emulator.segmind.routes import SEGMIND
from tuneloop.emulator.webhooks.routes import WebhookRoutes

HOST = "127.0.0.1"
PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (SEGMIND, BFL)}
"""One row for each provider's file."""
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
        ValueError: for a provider there is no file for.
    """
    known = _provider(provider)
    with _listen(port) as listener, closing(Emulation(known, folder, weights_bytes)) as emulation:
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
                yield EmulatorControl(f"http://{HOST}:{listener.getsockname()[1]}")
        finally:
            server.stop()
            thread.join()


def serve(provider: str, port: int, folder: Path, *, weights_bytes: int = WEIGHTS_BYTES) -> None:
    """Run an emulator until it is interrupted; print its address and its test key once it listens.

    Raises:
        PortInUse: if the port is taken; nothing has been printed then.
        ValueError: for a provider there is no file for.
    """
    known = _provider(provider)
    with _listen(port) as listener, closing(Emulation(known, folder, weights_bytes)) as emulation:
        sys.stdout.write(
            f"{known.name} emulator on http://{HOST}:{listener.getsockname()[1]}\n"
            f"test key: {known.api_key}\nstate: {folder}\n"
        )
        sys.stdout.flush()
        with suppress(KeyboardInterrupt), emulation.webhooks.going_out():
            _server(emulation).run([listener])


def _provider(name: str) -> Provider:
    if name not in PROVIDERS:
        raise ValueError(f"emulator: no provider {name!r}; choose one of {', '.join(PROVIDERS)}")
    return PROVIDERS[name]


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=2048)
    except OSError as error:
        raise PortInUse(
            error.errno, f"emulator: port {port} of {HOST} is in use ({error.strerror}); choose another port"
        ) from error


def _server(emulation: Emulation) -> BreakingServer:
    app = Starlette(
        routes=[
            *ControlRoutes(emulation).routes(),
            *WebhookRoutes(emulation.webhooks).routes(),
            *ObjectRoutes(emulation.objects, emulation.clock, emulation.switches).routes(),
            *emulation.provider.routes(emulation),
        ],
        middleware=[Middleware(Gate, emulation=emulation)],
        exception_handlers=emulation.provider.error_pages,
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
