"""One tick of the sensor, as a process of its own: `python -m benchmarks.sensor.one_tick STORE`."""

from __future__ import annotations

import sys

from flows.watch_trainings import watch_trainings

state = watch_trainings(stores=[sys.argv[1]], return_state=True)
sys.stdout.write(f"{state.name}: {state.message}\n")
sys.exit(not state.is_completed())
