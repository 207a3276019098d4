"""How `tuneloop --help` lists commands and options."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

START, INSPECT, DECIDE, USE, SERVE = _PANELS = ("Start", "Inspect", "Decide", "Use", "Serve")


class Commands(TyperGroup):
    """Lists its commands panel by panel, wherever they are defined.

    Flags have no type beside them, and arguments are written in capitals.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands, in the order of the panels."""
        return sorted(super().list_commands(ctx), key=self._panel)

    def _panel(self, name: str) -> int:
        return _PANELS.index(getattr(self.commands[name], "rich_help_panel", None) or SERVE)

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own options."""
        return _named(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of the commands."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _named(command.get_params(ctx))
        return command


def _named(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
        elif each.param_type_name == "argument" and each.metavar is None:
            each.metavar = each.name.upper()
    return parameters
