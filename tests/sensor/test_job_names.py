"""Names that BFL tells only one by one are asked for once."""

from __future__ import annotations

from pathlib import Path

from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.emulator import Progress, running_emulator
from tuneloop.ledger.accounts import JobNameCache
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe
from tuneloop.storage.local import LocalDirectory

DETAILS = "/v1/finetune_details"


def test_name_of_a_job_is_asked_for_once_and_then_read_from_the_store(
    tmp_path: Path, archive: DatasetArchive, artifacts: LocalDirectory
) -> None:
    with running_emulator("bfl", tmp_path / "bfl", progress=Progress.after_seconds(3600)) as control:

        def found(name: str) -> int:
            provider = BflProvider(control.api_key, base_url=control.url)
            provider.job_names = JobNameCache(artifacts, "bfl.default")
            return len(provider.find(name).jobs)

        def details() -> int:
            return sum(request.path == DETAILS for request in control.requests())

        provider = BflProvider(control.api_key, base_url=control.url)
        recipe = BflFinetuneRecipe(mode="product")
        for name in ("first-g1", "second-g1", "third-g1"):
            provider.submit(name, recipe, provider.deliver("a-name", archive), Deadline(60))
        assert (found("second"), found("third"), found("fourth")) == (1, 1, 0)
        assert details() == 3
        provider.submit("fourth-g1", recipe, provider.deliver("a-name", archive), Deadline(60))
        assert found("fourth") == 1
        assert details() == 4
