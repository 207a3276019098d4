"""The five answers from which a project is made, and the deployment file that says them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from tzlocal import get_localzone_name

from tuneloop.errors import ConfigurationError
from tuneloop.project.layer import MODEL_FILES
from tuneloop.providers.registry import TRAINERS, row_of
from tuneloop.schemas.recipe_fields import BaseRecipe, trainer_of
from tuneloop.schemas.training import validate_slug

SCHEDULES = {"nightly": "0 3 * * *", "hourly": "0 * * * *", "weekly": "0 3 * * 1", "never": None}
"""Crons by a word for them, in the time zone of this machine."""
_CRON_FIELDS = 5
_ELSEWHERE = ("http://", "https://", "s3://", "hf://")
_HEADER = """\
# The model {name}: trained again when its images, its recipe or its prompts have changed.
# See what a run would pay with `tuneloop plan {file}`; `tuneloop deploy` makes changes take effect.
"""


@dataclass(frozen=True)
class Answers:
    """What a project is made from.

    Attributes:
        model: Name of the model.
        images: A folder, or the address of a zip, a bucket or a dataset.
        trigger_word: The word that stands for the subject.
        trainer: Which trainer.
        block: Slug of the block with the provider's API key.
        schedule: One of `SCHEDULES`, or a cron of five fields.
    """

    model: str
    images: str
    trigger_word: str
    trainer: str
    block: str
    schedule: str


def model_name(folder: Path) -> str:
    """A model's name from that of its folder."""
    return re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:63] or "model"


def check_model(model: str) -> None:
    """Raise `ConfigurationError` for what cannot be the name of a model."""
    try:
        validate_slug(model)
    except ValueError as error:
        raise ConfigurationError(f"model: {error}") from None


def check_images(images: str, own_images: Path) -> None:
    """Raise `ConfigurationError` for images that are not there. The project's own folder may still be missing."""
    elsewhere = images.startswith(_ELSEWHERE)
    if not (elsewhere or Path(images).expanduser().exists() or images == str(own_images)):
        raise ConfigurationError(f"images: there is no {images}; name a folder, a zip or an address")


def check_trigger_word(recipe: type[BaseRecipe], word: str) -> None:
    """Raise `ConfigurationError` for a word that the trainer of a recipe would refuse."""
    try:
        recipe.model_validate(recipe.example_for(word))
    except ValidationError as error:
        faults = "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        raise ConfigurationError(f"trigger word: {faults}") from None


def check_block(recipe: type[BaseRecipe], block: str) -> None:
    """Raise `ConfigurationError` for a slug that is no block of a recipe's provider."""
    provider = row_of(recipe.provider)
    kind, _, name = block.partition("/")
    if kind != provider.credentials or not name:
        raise ConfigurationError(
            f"block: {trainer_of(recipe)} is trained by {provider.name}; name a block {provider.credentials}/NAME"
        )


def check_schedule(schedule: str) -> None:
    """Raise `ConfigurationError` for what is neither one of `SCHEDULES` nor a cron."""
    if schedule not in SCHEDULES and len(schedule.split()) != _CRON_FIELDS:
        raise ConfigurationError(
            f"schedule: {schedule!r} is neither one of {', '.join(SCHEDULES)} nor a cron of five fields, "
            'such as "0 3 * * *"'
        )


def model_file(project: Path, answers: Answers) -> tuple[Path, str]:
    """The model's deployment file: its path, relative to the project, and what is in it.

    Raises:
        ConfigurationError: The project has another file of that name.
    """
    file = Path(MODEL_FILES, f"{answers.model}.yaml")
    text = yaml.safe_dump({"deployments": [_deployment(project, answers)]}, sort_keys=False, width=100)
    text = _HEADER.format(name=answers.model, file=file) + text
    if (project / file).exists() and (project / file).read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{project / file} exists already; name another model with --model")
    return file, text


def _deployment(project: Path, answers: Answers) -> dict[str, Any]:
    recipe = TRAINERS[answers.trainer]
    cron = SCHEDULES.get(answers.schedule, answers.schedule)
    slug = answers.schedule if answers.schedule in SCHEDULES else "on-schedule"
    schedules = [{"cron": cron, "timezone": get_localzone_name() or "Etc/UTC", "slug": slug}] if cron else []
    return {
        "name": answers.model,
        "entrypoint": "flows/retrain_model.py:retrain_model",
        "description": f"Retrains {answers.model} when its images have changed.",
        "tags": ["model"],
        # The server's own check cannot say which field of a recipe is wrong; `tuneloop deploy` and the flow can.
        "enforce_parameter_schema": False,
        "work_pool": {"name": "tuneloop"},
        "schedules": schedules,
        "parameters": {
            "model": answers.model,
            "dataset": _dataset(project, answers.images),
            "recipe": recipe.example_for(answers.trigger_word),
            "evaluation": {"prompts": list(_prompts(edits=recipe.edit_pairs)), "seeds": [1, 2, 3, 4]},
            "store": "{{ $TUNELOOP_STORE }}",
            "credentials": answers.block,
        },
    }


def _dataset(project: Path, images: str) -> str:
    """A folder within the project by its place there, as flows run in the project; any other one in full."""
    if images.startswith(_ELSEWHERE):
        return images
    folder, root = Path(images).expanduser().resolve(), project.resolve()
    return str(folder.relative_to(root) if folder.is_relative_to(root) else folder)


def _prompts(*, edits: bool) -> tuple[str, ...]:
    if edits:
        return ("make the change", "make the change, in warm light")
    return ("a photo of {trigger}", "{trigger} on a beach at sunset", "{trigger} in a city street")
