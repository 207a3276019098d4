"""Status words in the letters, and out of the mouths, that nobody documented."""

from typing import Literal, get_args

StatusWords = Literal["documented", "capitalised", "lower case", "spaced", "foreign"]
STYLES: tuple[str, ...] = get_args(StatusWords)
_FOREIGN = {
    "REQUESTED": "SUBMITTED",
    "QUEUED": "IN_QUEUE",
    "RETRIED": "RESTARTING",
    "DATA_PROCESSING": "STARTING",
    "TRAINING_INITIATED": "IN_PROGRESS",
    "TRAINING_COMPLETED": "FINALIZING",
    "INFERENCE_QUEUED": "FINALIZING",
    "DEPLOYING": "FINALIZING",
    "AVAILABLE": "SUCCEEDED",
    "FAILED": "CANCELED",
    "PROCESSING": "IN_PROGRESS",
    "COMPLETED": "SUCCEEDED",
    "Pending": "IN_PROGRESS",
    "Ready": "SUCCEEDED",
    "Error": "CANCELED",
    "Request Moderated": "REJECTED",
    "Content Moderated": "REJECTED",
}
"""What other services call these states (fal, Replicate, Vertex)."""


def spoken(word: str, style: StatusWords) -> str:
    """Return a status word as a provider of this style says it."""
    if style == "capitalised":
        return word.replace("_", " ").capitalize()
    if style == "lower case":
        return word.lower()
    if style == "spaced":
        return f" {word} "
    return _FOREIGN.get(word, word) if style == "foreign" else word
