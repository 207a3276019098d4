"""`tuneloop init`: a project from five answers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from tuneloop.cli.questions import answer, asked
from tuneloop.cli.terminal import say
from tuneloop.errors import ConfigurationError
from tuneloop.http.addresses import check_api_address, check_key, validated
from tuneloop.orchestration.server_address import named_server
from tuneloop.project.answers import (
    SCHEDULES,
    Answers,
    check_block,
    check_images,
    check_model,
    check_schedule,
    check_trigger_word,
    model_file,
    model_name,
)
from tuneloop.project.files import RECORD, add_line, check_free, copy_shipped, renew
from tuneloop.project.home import HOME, Account, keep_account
from tuneloop.project.layer import OPERATOR_FILE
from tuneloop.providers.registry import PROVIDERS, TRAINERS, recipe_type, row_of
from tuneloop.schemas.recipe_fields import trainer_of
from tuneloop.settings import Settings

_IMAGES = "images"


@dataclass(frozen=True)
class Given:
    """What the command line says; None where it says nothing. See `tuneloop.project.answers.Answers`."""

    images: str | None
    trigger_word: str | None
    trainer: str | None
    key: str | None
    block: str | None
    schedule: str | None
    model: str | None
    base_url: str | None


def init_project(folder: Path, given: Given, *, ask: bool) -> None:
    """Write a project, and save its blocks where there is a server.

    Args:
        folder: Where; made if it is missing.
        given: What needs no question.
        ask: Ask for the rest; else take the defaults.

    Raises:
        ConfigurationError: The folder is a project already, or an answer or the Prefect server cannot be used.
            Nothing was written then.
    """
    if (folder / OPERATOR_FILE).exists():
        raise ConfigurationError(
            f"{folder} is a project already; `tuneloop init {folder} --renew` brings its flows to this version"
        )
    check_free(folder)
    server = named_server()
    answers, account = _answers(folder, given, ask=ask)
    file, text = model_file(folder, answers)
    if answers.images == str(folder / _IMAGES):
        (folder / _IMAGES).mkdir(parents=True, exist_ok=True)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    if account is not None:
        keep_account(folder, account)
    (folder / file).write_text(text, encoding="utf-8")
    add_line(folder / ".env", f"TUNELOOP_STORE=local-file-system/{answers.model}")
    add_line(folder / ".gitignore", f"{HOME}/")
    copy_shipped(folder)
    say(f"Made {folder / file}, the flows, the blocks and {OPERATOR_FILE}.")
    provider = row_of(TRAINERS[answers.trainer].provider)
    if not (known := provider.client.capabilities).is_open:
        say(f"{provider.name} takes no new trainings ({known.takes_trainings.partition(': ')[2]}).")
    if server is not None:
        _save_blocks(folder)
    _say_next(folder, answers.model, answers.images)


def renew_project(folder: Path) -> None:
    """Bring a project's flows and blocks to the installed version, and say what was done."""
    if not (folder / RECORD).is_file():
        raise ConfigurationError(f"{folder} was not made by `tuneloop init`: it has no {RECORD}")
    for line in renew(folder) or ["Everything is up to date."]:
        say(line)


def _answers(folder: Path, given: Given, *, ask: bool) -> tuple[Answers, Account | None]:
    """What the project is made from, and the account of a key that was given; checked, and nothing is written."""
    model, own_images = given.model or model_name(folder), folder / _IMAGES
    check_model(model)
    trainer = _trainer(given.trainer, ask=ask)
    recipe = TRAINERS[trainer]
    block = given.block or f"{row_of(recipe.provider).credentials}/{model}"
    check_block(recipe, block)
    in_place = partial(check_images, own_images=own_images)
    images = answer("Folder or address of the images", given.images, str(own_images), in_place, ask=ask)
    fits = partial(check_trigger_word, recipe)
    word = answer("Trigger word, which stands for the subject", given.trigger_word, "TOK", fits, ask=ask)
    account = _account(block, given, ask=ask)
    question = f"Schedule ({', '.join(SCHEDULES)}, a cron)"
    schedule = answer(question, given.schedule, "nightly", check_schedule, ask=ask)
    return Answers(model, images, word, trainer, block, schedule), account


def _trainer(given: str | None, *, ask: bool) -> str:
    """The trainer; a person is shown all of them, first those whose provider takes new trainings."""
    rows = sorted(PROVIDERS, key=lambda row: not row.client.capabilities.is_open)
    if given is None and ask:
        say("Trainers:")
        for row in rows:
            closed = "" if row.client.capabilities.is_open else ", which takes no new trainings"
            say(f"  {row.name}{closed}: {', '.join(map(trainer_of, row.recipes))}")
    usual = trainer_of(rows[0].recipes[0])
    return answer("Trainer", given, usual, partial(recipe_type, None), ask=ask)


def _account(block: str, given: Given, *, ask: bool) -> Account | None:
    """The account whose block is to be saved; None where there is one already, or no key yet."""
    set_key = Settings().api_key
    key = given.key or (set_key.get_secret_value() if set_key else None)
    if key is None and given.block is None and ask:
        key = asked("API key (Enter to fill it in later, in the UI)", "", _check_typed_key, hidden=True)
    if key == "-":
        key = sys.stdin.readline().strip()
    if given.block is not None and given.key is not None:
        raise ConfigurationError("key and block: give only one of them; a block has its key already")
    if not key or given.block is not None:
        if given.base_url is not None:
            raise ConfigurationError("base URL: it goes with a key; a block has its address already")
        return None
    address = given.base_url and validated(check_api_address, given.base_url, "base URL")
    return Account(block, SecretStr(validated(check_key, key, "key")), address)


def _check_typed_key(key: str) -> None:
    if key:
        validated(check_key, key, "key")


def _save_blocks(folder: Path) -> None:
    from tuneloop.local_server.up import prepare_project  # noqa: PLC0415 - importing Prefect takes a second

    for line in prepare_project(folder):
        say(line)


def _say_next(folder: Path, model: str, images: str) -> None:
    say("Next:")
    if images == str(folder / _IMAGES):
        say(f"  put your images into {images}")
    if folder != Path():
        say(f"  cd {folder}")
    say("  tuneloop up")
    say(f"  tuneloop run {model}      (in a second terminal)")
