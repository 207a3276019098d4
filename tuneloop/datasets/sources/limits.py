"""How much a source may hold. Everything here is checked before it is fetched or unpacked."""

from __future__ import annotations

MAX_FILES = 50_000
"""Files of one source, captions and folders included."""
MAX_ZIP_BYTES = 4 << 30
"""A zip, as it is fetched."""
MAX_DATASET_BYTES = 8 << 30
"""All files together, unpacked."""
MAX_FILE_BYTES = 1 << 30
"""One file; an image of the largest size that is decoded is smaller in every format."""
MAX_DIRECTORY_BYTES = 16 << 20
"""The list of contents at a zip's end, which is held in memory."""
MAX_RATIO = 200
"""How much larger a file may come out of a zip than it is in there; images hardly shrink, captions by half."""
RATIO_MATTERS_BYTES = 1 << 20
"""Up to this size a file may shrink as much as it wants."""
