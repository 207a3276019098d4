"""Every command about models on a store in S3, from an undecided gate to an image; models of both providers."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image
from prefect.client.orchestration import get_client
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials
from tests.conftest import draw_images
from tests.flows.bill import Bill
from tests.flows.runs import here, run_of, tags_of
from tests.flows.test_commands import tuneloop
from tests.flows.test_registry import reigning
from tests.flows.test_what_a_run_leaves import secrets_in
from tests.s3_server import ACCESS_KEY, SECRET_KEY, fresh_bucket, s3_client, s3_server
from tests.waiting import LIMIT_S
from tuneloop.clock import Deadline
from tuneloop.datasets.archive import DatasetArchive
from tuneloop.demo.stack import Stack
from tuneloop.emulator import EmulatorControl, Fault
from tuneloop.ledger.ledger import Ledger
from tuneloop.orchestration.blocks import open_provider, open_store
from tuneloop.orchestration.s3_store import S3_BUCKET, PlainBucket
from tuneloop.orchestration.stores import init_store
from tuneloop.providers.bfl.recipes import BflFinetuneRecipe

pytestmark = pytest.mark.long  # whole stories of a model, on S3

BFL = "bfl-credentials/on-s3"
LINK = re.compile(r"(?<=(?:Page|port): )http://\S+")
"""To a page: signed, for whoever reads the terminal."""
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def slug(stack: Stack) -> Iterator[str]:
    """A store's block in S3, beside the installation's own."""
    del stack
    with s3_server() as endpoint:
        credentials = AwsCredentials(
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SecretStr(SECRET_KEY),
            region_name="us-east-1",
            aws_client_parameters={"endpoint_url": endpoint},
        )
        bucket = fresh_bucket(s3_client(endpoint))
        S3Bucket(bucket_name=bucket, credentials=credentials, bucket_folder="team").save(
            "elsewhere", overwrite=True
        )
        init_store("s3-bucket/elsewhere")
        yield "s3-bucket/elsewhere"


def test_block_as_the_server_keeps_it_is_read_without_prefect_aws(slug: str) -> None:
    with get_client(sync_client=True) as client:
        kept = client.read_block_document_by_name(slug.partition("/")[2], S3_BUCKET)
    assert PlainBucket.model_validate(kept.data).bucket_folder == "team"


@pytest.fixture
def ledger(slug: str) -> Ledger:
    return Ledger(open_store(slug))


@pytest.fixture
def bfl(bfl: EmulatorControl) -> EmulatorControl:
    """An account that trains into this store only."""
    BflCredentials(api_key=SecretStr(bfl.api_key), base_url=bfl.url).save("on-s3", overwrite=True)
    return bfl


@pytest.fixture
def asked(wish: dict[str, Any], slug: str, tmp_path: Path, ledger: Ledger, emulator: EmulatorControl) -> str:
    """A model with a champion and an open question."""
    SegmindCredentials(api_key=SecretStr(emulator.api_key), base_url=emulator.url).save("on-s3", overwrite=True)
    gate = {"margin": 1.0, "max_copies": 1}
    wish = {
        **wish,
        "store": slug,
        "credentials": "segmind-credentials/on-s3",
        "evaluation": {**wish["evaluation"], "gate": gate},
    }
    assert here(wish).name == "Completed"
    unsure = here({**wish, "dataset": str(draw_images(tmp_path / "more", 4, shade=87))})
    assert tags_of(run_of(unsure)) == {"needs-review"}
    assert reigning(ledger, wish["model"]).number == 1
    return str(wish["model"])


def test_model_is_decided_on_rolled_back_looked_at_pulled_and_asked_for_a_image(
    stack: Stack, asked: str, slug: str, ledger: Ledger, bill: Bill, tmp_path: Path
) -> None:
    said = []

    def command(*words: str) -> str:
        done = tuneloop(stack, *words, "--store", slug)
        assert done.returncode == 0, done.stderr
        said.append(LINK.sub("", done.stdout + done.stderr))
        return done.stdout

    (open_question,) = LINK.findall(command("models", asked))
    assert f"<title>{asked}: undecided</title>" in requests.get(open_question, timeout=LIMIT_S).text
    decided = command("review", asked, "--approve", "--reason", "nicer  \x1b[31meyes")
    assert f"{asked}: the challenger is champion v2 (nicer [31meyes)." in decided
    assert (reigning(ledger, asked).number, reigning(ledger, asked).reason) == (2, "nicer [31meyes")
    refused = tuneloop(stack, "review", asked, "--reject", "--reason", "x", "--store", slug)
    assert (refused.returncode, "nothing is undecided" in refused.stderr) == (1, True)

    (page,) = LINK.findall(command("rollback", asked, "--version", "1", "--reason", "six fingers"))
    assert f"/team/models/{asked}/pages/latest.html?" in page
    assert "six fingers" in requests.get(page, timeout=LIMIT_S).text

    assert "six fingers" in command("models")
    (row,) = [item for item in json.loads(command("models", "--json"))["models"] if item["model"] == asked]
    assert (row["number"], row["rolled_back_to"], row["versions_evaluated"]) == (3, 1, 2)
    assert command("models", asked).index("six fingers") < command("models", asked).index("nicer [31meyes")

    for number in (1, 2):
        file = tmp_path / f"{number}.safetensors"
        command("pull", asked, "--output", str(file), "--version", str(number))
        assert hashlib.sha256(file.read_bytes()).hexdigest() == ledger.promotions(asked)[number - 1].sha256
    assert "unchanged" in command("pull", asked, "--output", str(tmp_path / "1.safetensors"))
    assert bill.orders == []

    made = command("generate", asked, "{trigger} at dawn", "--seed", "5", "--output", str(tmp_path / "dawn"))
    with Image.open(made.strip()) as image:
        assert image.width
    assert bill.images == 1
    assert secrets_in("".join(said)) == []
    assert SECRET_KEY not in "".join(said)


@dataclass(frozen=True)
class AtBfl:
    """A model's name here, which has fine-tunes at BFL."""

    model: str
    stack: Stack
    slug: str
    archive: DatasetArchive
    bfl: EmulatorControl

    def adopt(self, name: str) -> tuple[str, str]:
        """Take in a new fine-tune. Returns its id, and what the command says."""
        provider, recipe = open_provider(BFL), BflFinetuneRecipe(mode="character", trigger_word="ROBOX")
        job = provider.submit(name, recipe, provider.deliver("a-name", self.archive), Deadline(60))
        words = ("--provider", "bfl", "--job-id", job.job_id, "--trigger-word", "ROBOX", "--credentials", BFL)
        adopted = tuneloop(self.stack, "adopt", self.model, *words, "--store", self.slug)
        assert adopted.returncode == 0, adopted.stdout + adopted.stderr
        return job.job_id, adopted.stdout

    def generate(self, out: Path, *words: str) -> tuple[int, str, str]:
        arguments = (self.model, "{trigger} at dawn", "--seed", "5", "--store", self.slug, "--output", str(out))
        done = tuneloop(self.stack, "generate", *arguments, *words)
        assert self.bfl.api_key not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def at_bfl(stack: Stack, bfl: EmulatorControl, slug: str, archive: DatasetArchive) -> AtBfl:
    """A model of this test's own."""
    return AtBfl(f"bfl-robot-{next(_NUMBERS)}", stack, slug, archive, bfl)


def test_model_at_bfl_renders_one_image_that_is_billed_once_whatever_becomes_of_it(
    at_bfl: AtBfl, stack: Stack, bfl: EmulatorControl, slug: str, ledger: Ledger, tmp_path: Path
) -> None:
    job_id, _ = at_bfl.adopt("robot-1")
    assert (reigning(ledger, at_bfl.model).job_id, reigning(ledger, at_bfl.model).weights) == (job_id, None)
    bill = Bill(bfl)
    bfl.inject(Fault("refuse", "/v1/get_result", "GET", status=429))
    bfl.inject(Fault("truncate", "/results/", "GET", after_bytes=100))
    code, out, said = at_bfl.generate(tmp_path)
    assert code == 0, said
    assert f"Requesting an image from bfl.on-s3-us1 by {at_bfl.model} v1" in said
    assert "seed 5: 'ROBOX at dawn'. bfl bills it" in said
    with Image.open(out.strip()) as image:
        assert (image.width, Path(out.strip()).name) == (1024, f"{at_bfl.model}-0001-seed5.jpg")
    assert bill.images == 1

    code, _, said = at_bfl.generate(tmp_path)
    assert (code, "exists already; name another file with --output" in said, bill.images) == (2, True, 1)

    bfl.inject(Fault("cut_after_effect", "/v1/flux-pro-finetuned", "POST"))
    code, _, said = at_bfl.generate(tmp_path, "--seed", "6")
    assert (code, "may have been rendered and billed; it is not requested again" in said) == (3, True)
    assert bill.images == 2

    pulled = tuneloop(stack, "pull", at_bfl.model, "--store", slug)
    assert pulled.returncode == 2
    assert f"bfl keeps them, and the model is its id there, {job_id}" in pulled.stderr


def test_model_at_bfl_is_a_persons_to_judge_and_renders_nothing_once_it_is_deleted(
    at_bfl: AtBfl, stack: Stack, bfl: EmulatorControl, slug: str, ledger: Ledger, tmp_path: Path
) -> None:
    job_id, _ = at_bfl.adopt("robot-2")
    # Without the images it was trained on nothing can be measured: a person decides.
    _, said = at_bfl.adopt("robot-3")
    assert "No image of both models can be compared. Review required" in said
    assert "with `tuneloop review" in said
    decided = tuneloop(stack, "review", at_bfl.model, "--reject", "--reason", "older is better", "--store", slug)
    assert decided.returncode == 0, decided.stderr
    assert f"{at_bfl.model}: the champion stays.\nReport: http" in decided.stdout
    assert reigning(ledger, at_bfl.model).number == 1

    bill = Bill(bfl)
    gone: dict[str, Any] = {"json": {"finetune_id": job_id}, "headers": {"x-key": bfl.api_key}}
    assert requests.post(f"{bfl.url}/v1/delete_finetune", **gone, timeout=30).ok
    code, _, said = at_bfl.generate(tmp_path, "--seed", "7")
    assert (code, bill.images) == (1, 0)
    assert "there is no such fine-tune" in said or "not ready" in said
    assert "Traceback" not in said
