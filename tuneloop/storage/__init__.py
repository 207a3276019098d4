"""Where artifacts and records live: one small interface, two implementations."""
