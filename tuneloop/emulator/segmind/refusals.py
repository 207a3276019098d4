"""Requests that Segmind does not accept."""


class Refused(Exception):
    """A request the provider does not accept; it has had no effect."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Unauthorized(Refused):
    """A key that is wrong, answered in the auth variant of the error body."""

    def __init__(self) -> None:
        super().__init__(401, "Unauthorized")
