"""The credentials blocks of this project: one block type for each provider."""

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials

__all__ = ["BflCredentials", "SegmindCredentials"]
