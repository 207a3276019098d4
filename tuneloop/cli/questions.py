"""Questions at the terminal: an answer that cannot be used is asked for again."""

from __future__ import annotations

from collections.abc import Callable

import typer

from tuneloop.cli.terminal import say
from tuneloop.errors import ConfigurationError

Check = Callable[[str], object]
"""Raises `ConfigurationError` for an answer that cannot be used."""


def answer(question: str, given: str | None, default: str, check: Check, *, ask: bool) -> str:
    """What an option has given, else what a person answers, else the default.

    Raises:
        ConfigurationError: The option or the default cannot be used, or nobody answers.
    """
    if given is None and ask:
        return asked(question, default, check)
    chosen = default if given is None else given
    check(chosen)
    return chosen


def asked(question: str, default: str, check: Check, *, hidden: bool = False) -> str:
    """Ask until there is an answer that can be used. `hidden` shows nothing of what is typed.

    Raises:
        ConfigurationError: Standard input has ended.
        KeyboardInterrupt: Ctrl-C.
    """
    while True:
        try:
            said = str(typer.prompt(question, default=default, hide_input=hidden, show_default=bool(default)))
        except typer.Abort as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise ConfigurationError(
                "standard input has ended; answer by options, or take the defaults with --yes"
            ) from None
        try:
            check(said)
        except ConfigurationError as error:
            say(error, err=True)
        else:
            return said
