"""What the benchmark of an unchanged night reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.night.__main__ import _figures
from benchmarks.night.measuring import RunCost
from tests.benchmarks.test_unchanged import MOST_REQUESTS

ROOT = Path(__file__).parents[2]


def test_figures_are_medians_beside_those_of_the_empty_flow() -> None:
    figures = _figures(
        {
            "unchanged run": [RunCost(4.0, 3.0, 15), RunCost(9.0, 9.0, 15), RunCost(3.0, 2.9, 14)],
            "idle tick": [RunCost(3.5, 1.0, 5)],
            "empty flow": [RunCost(3.0, 2.0, 0), RunCost(3.0, 2.0, 0), RunCost(30.0, 20.0, 0)],
        },
        models=3,
    )
    assert (figures["models"], figures["store_requests_per_run"]) == (3, 15)
    assert (figures["unchanged_seconds"], figures["empty_flow_seconds"]) == (4.0, 3.0)
    assert (figures["ratio_cpu"], figures["empty_flow_cpu_s"]) == (1.5, 2.0)
    assert (figures["idle_tick_cpu_s"], figures["idle_tick_ratio_cpu"]) == (1.0, 0.5)


@pytest.mark.long
def test_benchmark_measures_runs_that_end_as_cached(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    options = ["--models", "1", "--images", "3", "--ticks", "1", "--json", str(file)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.night", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(file.read_text())
    assert figures["models"] == 1
    assert 0 < figures["store_requests_per_run"] <= MOST_REQUESTS
    assert 0 < figures["store_requests_per_idle_tick"] < MOST_REQUESTS
    assert all(figures[name] > 0 for name in ("unchanged_seconds", "empty_flow_cpu_s", "idle_tick_cpu_s"))
