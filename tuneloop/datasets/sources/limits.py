"""How much a source may hold. Everything here is checked before it is fetched or unpacked."""

from __future__ import annotations

MOST_FILES = 50_000
"""Files of one source, captions and folders included."""
LARGEST_ZIP_BYTES = 4 << 30
"""A zip, as it is fetched."""
LARGEST_DATASET_BYTES = 8 << 30
"""All files together, unpacked."""
LARGEST_FILE_BYTES = 1 << 30
"""One file; an image of the largest size that is decoded is smaller in every format."""
LARGEST_DIRECTORY_BYTES = 16 << 20
"""The list of contents at a zip's end, which is held in memory."""
LARGEST_RATIO = 200
"""How much larger a file may come out of a zip than it is in there; images hardly shrink, captions by half."""
RATIO_MATTERS_BYTES = 1 << 20
"""Up to this size a file may shrink as much as it wants."""
