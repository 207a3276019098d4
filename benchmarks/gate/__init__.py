"""How often the gate is wrong, on the emulator's own images."""

import os

# Before numpy is loaded. A process for each core is busy already: threads of its matrix library on top of that
# make everything take twenty times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
