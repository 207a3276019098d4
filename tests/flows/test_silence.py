"""A command says what it has to say: nothing of Prefect's own follows it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.flows.runs import here
from tests.flows.test_commands import file_for, tuneloop
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl
from tuneloop.ledger.ledger import Ledger

STAMP = re.compile(r"\d\d:\d\d:\d\d\.\d{3} \| ")
OF_THE_RUN = re.compile(rf"{STAMP.pattern}(INFO|ERROR) +\| (Flow|Task) run ")


@pytest.mark.usefixtures("emulator")
@pytest.mark.long
def test_commands_leave_nothing_but_their_own_words(
    stack: Stack, wish: dict[str, Any], ledger: Ledger, tmp_path: Path
) -> None:
    assert here(wish).name == "Completed"
    model = wish["model"]
    first = ledger.champion(model)
    assert first is not None
    ledger.write_promotion(first.model_copy(update={"number": 2, "created_at": now()}))
    commands = {
        "models": ["models"],
        "models of one": ["models", model],
        "status": ["status", "--credentials", stack.credentials_slug],
        "plan": ["plan", str(file_for(wish, tmp_path, stack.credentials_slug))],
        "pull": ["pull", model, "--output", str(tmp_path)],
        "rollback": ["rollback", model, "--version", "1", "--reason", "it was better"],
        "automations": ["automations"],
        "webhooks": ["webhooks", "--print-urls", "--credentials", stack.credentials_slug],
        "store init": ["store", "init", stack.store_slug],
    }
    # Some as a person starts them: one without Prefect, one that only asks, one with events, one that only writes.
    fresh = {"models", "status", "rollback", "automations"}
    said = {name: tuneloop(stack, *words, fresh=name in fresh) for name, words in commands.items()}
    assert {name: done.stderr for name, done in said.items()} == dict.fromkeys(commands, "")
    assert {name for name, done in said.items() if done.returncode} <= {"status", "models"}
    for name, words in commands.items():
        done = tuneloop(stack, *words, "--json")
        assert (json.loads(done.stdout) != {}, done.stderr) == (True, ""), name
    generated = tuneloop(stack, "generate", model, "a photo of {trigger}", "--output", str(tmp_path))
    assert generated.returncode == 0
    assert generated.stderr.count("\n") == 1, generated.stderr


def test_refused_command_says_one_line(stack: Stack) -> None:
    for words in (
        ["review", "nobodys-model", "--approve", "--reason", "better"],
        ["rollback", "nobodys-model", "--version", "1", "--reason", "better"],
        ["generate", "nobodys-model", "a photo"],
        ["models", "--store", "local-file-system/nobodys"],
    ):
        done = tuneloop(stack, *words, fresh=words[0] == "rollback")
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(r"tuneloop: [^\n]+\n", done.stderr), done.stderr


def test_command_that_runs_a_flow_leaves_nothing_but_the_runs_log(stack: Stack, emulator: EmulatorControl) -> None:
    del emulator
    done = tuneloop(stack, "adopt", "taken-in-silence", "--job-id", "nobody", fresh=True)
    assert done.returncode == 2
    log = [line for line in done.stderr.splitlines() if STAMP.match(line)]
    assert log
    assert all(OF_THE_RUN.match(line) for line in log), done.stderr
    assert done.stderr.splitlines()[len(log) :][0].startswith("tuneloop: segmind has no fine-tune nobody")
    assert "Traceback" not in done.stderr
