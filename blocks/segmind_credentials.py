"""The key of one Segmind account."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr, field_validator

from blocks.account_label import label_of, label_or_none
from blocks.checked_fields import ApiAddress, ApiKey, HostName
from blocks.spending_guard import SpendingGuard
from tuneloop.http.patience import RUN, Patience
from tuneloop.providers.segmind.client import BASE_URL, SegmindProvider
from tuneloop.webhooks.address import check_path


class SegmindCredentials(Block):
    """API key of one Segmind account, for training LoRAs and rendering with them."""

    # A key that is refused is not shown.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str | None] = "Segmind Credentials"
    _block_type_slug: ClassVar[str | None] = "segmind-credentials"
    _description: ClassVar[str | None] = (
        "API key of one Segmind account, for training LoRAs and rendering with them."
    )

    api_key: ApiKey = Field(description="The key from Segmind's console; it starts with SG_.")
    base_url: ApiAddress = Field(
        default=BASE_URL,
        description="Where the API lives. Change it only for the emulator or a proxy. "
        "Plain http is taken for this machine only.",
    )
    storage_hosts: list[HostName] = Field(
        default=[],
        description="Hosts at which the provider hands out files, such as cdn.example.com, beside those that are "
        "known. The key is not sent there. Add one when an error names it.",
    )
    account: str | None = Field(
        default=None,
        description="Your name for the account that pays; left empty, the name of this block. It is part of every "
        "training's identity: two keys of one account carry the same name, two accounts never do.",
    )
    webhook_path: SecretStr | None = Field(
        default=None,
        description="Last part of the address at which Segmind calls us; nobody must be able to guess it. "
        "Left empty, `tuneloop webhooks --show` makes one.",
    )

    spending: SpendingGuard = Field(
        default=SpendingGuard(),
        description="What this account may spend. Beyond it a training is held until a person approves it.",
    )

    @field_validator("webhook_path")
    @classmethod
    def _cannot_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        return check_path(value)

    @field_validator("account")
    @classmethod
    def _is_a_label(cls, value: str | None) -> str | None:
        return label_or_none(value)

    def get_client(self, patience: Patience = RUN) -> SegmindProvider:
        """A client of this account."""
        key, hosts = self.api_key.get_secret_value(), tuple(self.storage_hosts)
        return SegmindProvider(key, label_of(self, self.account), self.base_url, patience, hosts)
