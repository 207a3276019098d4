"""Every command of the deployments is one that the installed programs take."""

from __future__ import annotations

import pytest
from prefect.cli._app import _app as prefect
from typer.core import TyperGroup
from typer.main import get_command

from tests.deployments.places import Program, programs
from tuneloop.cli.app import app as tuneloop


@pytest.mark.parametrize("program", [*programs()], ids=str)
def test_command_with_its_options_is_there(program: Program) -> None:
    name, *arguments = program.command
    if name == "prefect":
        prefect.parse_args(arguments, exit_on_error=False, print_error=False)
    else:
        assert name == "tuneloop"
        group = get_command(tuneloop)
        assert isinstance(group, TyperGroup)
        group.commands[arguments[0]].make_context(arguments[0], arguments[1:])
