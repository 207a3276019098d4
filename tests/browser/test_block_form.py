"""The form of a credentials block: what it shows, and blocks that were made and changed by typing."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.sync_api import expect
from prefect.client.schemas.actions import BlockDocumentCreate, BlockSchemaCreate

from blocks.fal_credentials import FalCredentials
from blocks.replicate_credentials import ReplicateCredentials
from tests.browser.pages import Ui
from tests.browser.runs import Runs
from tuneloop.orchestration.blocks import credentials_types, load_credentials
from tuneloop.orchestration.credentials import ProviderCredentials

pytestmark = pytest.mark.long  # a browser and an installation of its own

KIND = "replicate-credentials"
OLDER = "fal-credentials/older"
KEY = "r8_0123456789abcdefghijklmnopqrstuvwxyz0"
PATH = "c3f1a0d9e8b74655a2c1d0e9f8a7b6c5"
HIDDEN = "********"


@pytest.mark.parametrize("kind", credentials_types())
def test_field_that_may_be_left_empty_is_a_plain_one(ui: Ui, kind: str) -> None:
    page = ui.block_form(kind).page
    expect(page.get_by_text('is type "None"')).to_have_count(0)
    # Of the two limits with a default, for which null means no limit.
    expect(page.get_by_role("tab", name="None")).to_have_count(2)


def test_block_from_the_form_is_loaded_with_what_was_typed_and_its_secrets_stay_hidden(ui: Ui) -> None:
    form = ui.block_form(KIND)
    form.fill({"Name": "typed", "Api Key": KEY, "Webhook Path (Optional)": PATH})
    form.fill({"Account (Optional)": "studio", "Dollars Per 30 Days (Optional)": "12.5"})
    form.page.locator("input[value='20']").fill("")
    form.page.get_by_role("tab", name="None").last.click()
    page = form.save()

    expect(page.get_by_text(HIDDEN, exact=True)).to_have_count(2)
    assert not {KEY, PATH} & set(page.locator("dd").all_inner_texts())
    block = typed("typed")
    assert (block.api_key.get_secret_value(), block.account, block.owner) == (KEY, "studio", None)
    assert block.webhook_path is not None
    assert block.webhook_path.get_secret_value() == PATH
    assert (block.webhook_url, block.webhook_secret) == (None, None)
    limits = block.spending.limits
    # A form leaves out what is empty, and that is the default; no limit is chosen by its tab.
    assert (limits.trainings_per_day, limits.cents_per_window, limits.images_per_model) == (20, 1250, None)
    assert limits.cents_per_training is None


def test_secret_survives_a_change_of_another_field(ui: Ui, runs: Runs) -> None:
    keep(ReplicateCredentials(api_key=KEY, webhook_path=PATH, owner="studio"), "changed")
    block = runs.client.read_block_document_by_name("changed", KIND)
    form = ui.edit_block(block.id)
    form.fill({"Owner (Optional)": "", "Dollars Per Training (Optional)": "4"})
    form.save()
    changed = typed("changed")
    assert (changed.api_key.get_secret_value(), changed.owner) == (KEY, None)
    assert changed.webhook_path is not None
    assert changed.webhook_path.get_secret_value() == PATH
    assert changed.spending.limits.cents_per_training == 400


@pytest.fixture
def older_block(runs: Runs) -> UUID:
    """A block that was saved when every optional field still had a tab for null.

    Of a kind that no test after this one makes by its form, which takes the schema that was registered last.
    """
    fields = super(ProviderCredentials, FalCredentials).model_json_schema()
    assert fields["properties"]["account"]["anyOf"]
    kind = runs.client.read_block_type_by_slug("fal-credentials")
    schema = runs.client.create_block_schema(
        BlockSchemaCreate(fields=fields, block_type_id=kind.id, version="0.0.1")
    )
    data = {"api_key": KEY, "account": None, "webhook_path": None, "webhook_url": None}
    spending = {"trainings_per_day": None, "dollars_per_30_days": None, "dollars_per_training": 4.0}
    document = BlockDocumentCreate(
        name="older", data={**data, "spending": spending}, block_type_id=kind.id, block_schema_id=schema.id
    )
    return runs.client.create_block_document(document).id


def test_block_of_an_older_schema_is_loaded_changed_and_saved(ui: Ui, older_block: UUID) -> None:
    before = load_credentials(OLDER).spending.limits
    assert (before.trainings_per_day, before.cents_per_window, before.cents_per_training) == (None, None, 400)
    form = ui.edit_block(older_block)
    form.page.get_by_role("tab", name="str", exact=True).first.click()
    form.page.locator("form textarea").first.fill("studio")  # which has no label there
    form.save()
    block = load_credentials(OLDER)
    assert (block.api_key.get_secret_value(), block.account) == (KEY, "studio")
    assert block.spending.limits == before
    keep(block, "older")
    assert load_credentials(OLDER).spending.limits == before


def keep(block: ProviderCredentials, name: str) -> None:
    """Save a block, on whatever loop the browser has left running."""
    block.save(name, overwrite=True, _sync=True)  # type: ignore[call-arg]


def typed(name: str) -> ReplicateCredentials:
    """The block as a run loads it."""
    block = load_credentials(f"{KIND}/{name}")
    assert isinstance(block, ReplicateCredentials)
    return block
