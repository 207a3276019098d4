"""What one test was charged for, by the provider's own books."""

from __future__ import annotations

from tuneloop.emulator import EmulatorControl, LoggedRequest


class Bill:
    """Everything that the provider was asked and paid for since this was made, or last cleared.

    Args:
        emulator: The provider.
    """

    def __init__(self, emulator: EmulatorControl) -> None:
        self._emulator = emulator
        self.clear()

    def clear(self) -> None:
        self._entries = len(self._emulator.billing())
        self._requests = len(self._emulator.requests())

    @property
    def trainings(self) -> list[str]:
        """Names of the trainings that were paid for."""
        return [entry.name for entry in self._emulator.billing()[self._entries :] if entry.kind == "training"]

    @property
    def images(self) -> int:
        """How many images were paid for."""
        return sum(entry.kind == "inference" for entry in self._emulator.billing()[self._entries :])

    @property
    def orders(self) -> list[str]:
        """Paths of the requests that cost money if they are accepted."""
        return [request.path for request in self._sent() if request.method == "POST"]

    @property
    def paths(self) -> list[str]:
        """Paths of all requests."""
        return [request.path for request in self._sent()]

    def _sent(self) -> list[LoggedRequest]:
        return self._emulator.requests()[self._requests :]
