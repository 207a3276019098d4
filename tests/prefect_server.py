"""A Prefect server without a worker and without services, for tests that need what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from tests.waiting import LIMIT_S, relying_on
from tuneloop.local_server.processes import Processes, clean_environment, free_port, responds


@contextmanager
def prefect_server(folder: Path) -> Iterator[None]:
    """Run a server of one's own, which this process speaks to meanwhile."""
    home, url = folder / "prefect", f"http://127.0.0.1:{free_port()}"
    environment = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    processes = Processes(folder / "logs", clean_environment(environment))
    try:
        port = url.rpartition(":")[2]
        processes.start("server", "prefect", "server", "start", "--no-services", "--port", port)
        processes.wait_until("server", lambda: responds(f"{url}/api/health"), LIMIT_S)
        with (
            temporary_settings(updates={PREFECT_API_URL: f"{url}/api", PREFECT_HOME: home}),
            relying_on(processes),
        ):
            yield
    finally:
        processes.end_all()
