"""How much memory a process takes that brings large weights home."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulator.segmind_caller import Caller
from tuneloop.emulator import EmulatorControl, Progress, running_emulator

WEIGHTS = 300_000_000
GROWTH_KIB = {"by range": 12 << 10, "whole": 20 << 10}
"""A chunk here and there, and the connections; a part would be 64 MiB, and 8 MiB of what is read in one go."""

PROCESS = """
import json, re, sys
from pathlib import Path
from tests.s3_server import s3_client
from tuneloop.providers.segmind.client import SegmindProvider
from tuneloop.schemas.training import Submission
from tuneloop.storage.local import LocalDirectory
from tuneloop.storage.s3 import S3Store
from tuneloop.storage.transfer import transfer

kind, where, bucket, url, key, job = sys.argv[1:]
store = S3Store(s3_client(where), bucket) if kind == "s3_store" else LocalDirectory(Path(where))
store.create("first", b"so that connections are there")
source = SegmindProvider(key, base_url=url).open_weights(Submission(job_id=job))[-1]
# ru_maxrss of a fresh process begins with its parent's peak, and so would hide all below that.
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
before = peak()
stored = transfer(store, "weights", source, "w")
print(json.dumps([stored.size_bytes, before, peak()]))
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorControl]:
    folder = tmp_path_factory.mktemp("large")
    with running_emulator("segmind", folder, progress=Progress.at_once(), weights_bytes=WEIGHTS) as control:
        yield control


@pytest.mark.parametrize("downloads", ["by range", "whole"])
@pytest.mark.parametrize("kind", ["local_store", "s3_store"])
@pytest.mark.long  # large files, in processes of their own
def test_memory_does_not_grow_with_the_weights(
    emulator: EmulatorControl, s3_endpoint: str, bucket: str, tmp_path: Path, kind: str, downloads: str
) -> None:
    job = Caller(emulator).train()
    emulator.switch(downloads=downloads)
    where = s3_endpoint if kind == "s3_store" else str(tmp_path)
    command = [sys.executable, "-c", PROCESS, kind, where, bucket, emulator.url, emulator.api_key, job]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size_bytes, before, after = json.loads(done.stdout)
    assert size_bytes > WEIGHTS - 200_000
    assert after - before < GROWTH_KIB[downloads]
