"""The services of a Prefect server have no port: what tells whether they live is tried on real ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.deployments.places import compose_services, containers
from tests.scale.redis_server import redis_server
from tests.waiting import LIMIT_S, relying_on, wait_until


@pytest.mark.long
def test_services_are_healthy_as_long_as_they_live(tmp_path: Path) -> None:
    services = compose_services()["services"]
    kind, check = services["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    check = check.replace("$$", "$")  # as compose.yaml writes a dollar that is none of its own
    (probed,) = [container for container in containers() if container["name"] == "services"]
    assert probed["livenessProbe"]["exec"]["command"] == ["sh", "-c", check]
    assert probed["command"] == services["command"]
    number = services["stop_signal"].removeprefix("SIG")
    assert probed["lifecycle"]["preStop"]["exec"]["command"] == ["sh", "-c", f"kill -{number} 1"]
    with (
        tempfile.TemporaryDirectory() as place,  # Redis is another user, who cannot enter pytest's own folder
        redis_server(Path(place, "redis"), tmp_path) as (_, port),
        relying_on(logs=tmp_path),
    ):
        address = f"redis://127.0.0.1:{port}/1"
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(tmp_path),
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_SERVER_DOCKET_URL": address,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "HOSTNAME": socket.gethostname(),
        }

        def is_healthy() -> bool:
            done = subprocess.run(["sh", "-c", check], env=environment, capture_output=True, check=False)
            return not done.returncode

        assert not is_healthy()
        command = services["command"]
        without_tables = subprocess.run(
            command, env=environment, capture_output=True, check=False, timeout=LIMIT_S
        )
        assert without_tables.returncode, "it lives on without automations"
        subprocess.run(["prefect", "server", "database", "upgrade", "--yes"], env=environment, check=True)
        with (tmp_path / "services.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_until("the services are healthy", is_healthy)
            process.send_signal(signal.SIGSTOP)  # hanging is as bad as being gone
            wait_until("the services are not healthy", lambda: not is_healthy())
            process.send_signal(signal.SIGCONT)
            process.send_signal(getattr(signal, services["stop_signal"]))
            assert process.wait(LIMIT_S) == 0
        finally:
            process.kill()
            process.wait()
