"""`tuneloop check`: what is wrong with a dataset, before anything is uploaded or paid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from tuneloop.cli.terminal import console_for, print_json, progress_bar, shown
from tuneloop.datasets.captions import CaptionRule
from tuneloop.datasets.checks.dataset_checks import by_folder, megabytes
from tuneloop.datasets.delivery import Delivery
from tuneloop.datasets.scan import Preflight, not_opened, preflight
from tuneloop.errors import ConfigurationError, DatasetError, DatasetUnavailable
from tuneloop.schemas.findings import Finding, errors_in, limit_per_check, usability, warnings_in
from tuneloop.schemas.recipe_fields import BaseRecipe, trainer_of
from tuneloop.schemas.shown_text import printable

if TYPE_CHECKING:
    from tuneloop.datasets.sources.opening import OpenedSource

_OF_EACH_CHECK = 10


def check_dataset(
    dataset: str,
    provider: str,
    trainer: str | None,
    trigger_word: str | None,
    *,
    strict: bool,
    as_json: bool,
) -> bool:
    """Check a dataset as a run would open it, and print what was found.

    Returns whether a run would take it; with `strict`, also whether there is nothing to look at.
    """
    # Imported here, as in `_opened`: they take a second, and a program that checks a folder needs neither.
    from tuneloop.providers.registry import recipe_type  # noqa: PLC0415

    recipe, console = recipe_type(provider, trainer), console_for(as_json=as_json)
    try:
        with _opened(dataset, recipe) as source:
            found = check_folder(source.folder, recipe, trigger_word, by_provider=source.public is not None)
    except DatasetUnavailable:
        raise
    except DatasetError as caught:
        found = not_opened(dataset, caught)
    errors, warnings = errors_in(found.findings), warnings_in(found.findings)
    for title, color, findings in (("error", "red", errors), ("warning", "yellow", warnings)):
        if findings:
            console.print(_table(_number(len(findings), title), color, findings))
    console.print(shown(_summary(found, recipe)))
    if as_json:
        print_json(_document(found, dataset, recipe))
    return not (errors or (strict and warnings))


@contextmanager
def _opened(dataset: str, recipe: type[BaseRecipe]) -> Iterator[OpenedSource]:
    """Open a dataset as a run would, with a bar while it is fetched. See `open_source`."""
    from tuneloop.datasets.sources.opening import open_source  # noqa: PLC0415
    from tuneloop.providers.registry import row_of  # noqa: PLC0415

    columns = (TextColumn("Fetching"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with ExitStack() as stack:
        with progress_bar(*columns) as progress:
            task = progress.add_task("", total=None, visible=False)
            source = stack.enter_context(
                open_source(
                    dataset,
                    provider_fetches=row_of(recipe.provider).client.capabilities.public_url,
                    on_progress=lambda done, total: progress.update(
                        task, completed=done, total=total, visible=True
                    ),
                )
            )
        yield source


def check_folder(
    folder: Path, recipe: type[BaseRecipe], trigger_word: str | None, *, by_provider: bool = False
) -> Preflight:
    """Check a folder as a training of this recipe would, with its other settings at their defaults.

    With `by_provider` the provider fetches the same zip by itself, so that captions stay as they are.

    Raises:
        DatasetError: There is no such folder, or it cannot be listed.
        ConfigurationError: The trainer knows no trigger word.
    """
    if trigger_word and "trigger_word" not in recipe.model_fields:
        raise ConfigurationError(f"--trigger-word: {trainer_of(recipe)} has none; leave it out")
    # A recipe demands an instance prompt where it has one, so that it stands in for missing captions.
    given: dict[str, Any] = {"instance_prompt": "what the images show", "trigger_word": trigger_word}
    defaults = recipe.model_construct(None, **given)
    columns = (TextColumn("Checking images"), BarColumn(), MofNCompleteColumn(), _Rate())
    with progress_bar(*columns) as progress:
        task = progress.add_task("", total=None)
        return preflight(
            folder,
            CaptionRule.of(defaults, as_written=by_provider),
            recipe.profile,
            pairs=recipe.edit_pairs,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            sending=Delivery.of(defaults, by_provider=by_provider),
        )


def _document(found: Preflight, folder: str, recipe: type[BaseRecipe]) -> dict[str, Any]:
    return {
        "dataset": folder,
        "provider": recipe.provider,
        "trainer": trainer_of(recipe),
        "usable": found.manifest is not None,
        "digest": found.manifest.digest if found.manifest else None,
        "pictures": found.images,  # as it has been called since the first version
        "folders": found.folders,
        "captions": found.captions,
        "size_bytes": found.size_bytes,
        "zip_bytes": found.zip_bytes,
        "findings": [finding.model_dump(mode="json") for finding in found.findings],
    }


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} images/s" if task.speed else "")


def _table(title: str, color: str, findings: tuple[Finding, ...]) -> RenderableType:
    """One part for each check; a cell that equals the one above stays empty."""
    table = Table(expand=True)
    table.add_column("file", ratio=3, overflow="fold")
    table.add_column("reason", ratio=5, overflow="fold")
    table.add_column("remedy", ratio=4, overflow="fold")
    above = ("", "", "")
    for finding, more in limit_per_check(findings, _OF_EACH_CHECK):
        row = (finding.check, finding.reason, finding.remedy)
        where = Text("(dataset)", "dim") if finding.file is None else Text(printable(finding.file))
        if row[0] != above[0]:
            table.add_section()
            above = (row[0], "", "")
            where.append(f"\n{finding.check}", "dim")
        said = ("" if new == old else printable(new) for new, old in zip(row[1:], above[1:], strict=True))
        table.add_row(where, *(Text(text) for text in said))
        above = row
        if more:
            table.add_row(Text(""), Text(f"and {more} more like it"), Text(""))
    return Group(Text(title, f"bold {color}"), table)


def _summary(found: Preflight, recipe: type[BaseRecipe]) -> str:
    sources = f" Images come {by_folder(found.folders)}." if set(found.folders) - {""} else ""
    return (
        f"{usability(found.findings).capitalize()}. "
        f"{_number(found.images, 'image')}, {_number(found.captions, 'caption')}, "
        f"{megabytes(found.size_bytes)}; as a zip for {recipe.provider} ({trainer_of(recipe)}) about "
        f"{megabytes(found.zip_bytes)}.{sources}"
    )


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
