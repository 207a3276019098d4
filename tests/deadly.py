"""A store that kills its process, for tests that start one."""

from __future__ import annotations

import os
import signal

from tuneloop.storage.base import Store


def make_deadly(store: Store, point: str) -> None:
    """Let a store kill this process just before or after a name is created.

    Args:
        store: The store.
        point: Such as `before renders/ 2`: the second time that a name with `renders/` in it is created.
    """
    when, what, number = point.split()
    left = int(number)
    create = store.create

    def deadly(name: str, data: bytes) -> bool:
        nonlocal left
        left -= what in name
        dies = what in name and not left
        if dies and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = create(name, data)
        if dies and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    store.create = deadly  # type: ignore[method-assign]
