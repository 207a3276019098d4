"""The key of one BFL account, and the region where its fine-tunes live."""

from __future__ import annotations

from typing import ClassVar, Literal

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr, field_validator

from blocks.account_label import label_of, label_or_none
from blocks.checked_fields import ApiAddress, ApiKey, HostName
from blocks.spending_guard import SpendingGuard
from tuneloop.http.patience import RUN, Patience
from tuneloop.providers.bfl.client import BflProvider
from tuneloop.webhooks.address import check_path


class BflCredentials(Block):
    """API key of one BFL account, for fine-tuning FLUX.1 pro and rendering with it."""

    # A key that is refused is not shown.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str | None] = "BFL Credentials"
    _block_type_slug: ClassVar[str | None] = "bfl-credentials"
    _description: ClassVar[str | None] = (
        "API key of one BFL account, for fine-tuning FLUX.1 pro and rendering with it."
    )

    api_key: ApiKey = Field(description="The key from BFL's dashboard.")
    region: Literal["us1", "eu1"] = Field(
        default="us1",
        description="Where fine-tunes are made and used; a fine-tune lives in one region only. "
        "Part of every training's identity.",
    )
    base_url: ApiAddress | None = Field(
        default=None,
        description="Another address of the API: of the emulator, a proxy, or where the region's host is silent. "
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
    webhook_url: SecretStr | None = Field(
        default=None,
        description="Address that BFL calls when a fine-tune has changed; left out, it calls nobody. "
        "It ends with webhook_path, so it is as secret.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Secret that BFL shows with each call, so that it can be told from a forged one."
    )
    webhook_path: SecretStr | None = Field(
        default=None,
        description="Last part of the address at which BFL calls us; nobody must be able to guess it. "
        "Left empty, `tuneloop webhooks --show` makes one, and prints what to put into webhook_url.",
    )

    spending: SpendingGuard = Field(
        default=SpendingGuard(),
        description="What this account may spend. Beyond it a training is held until a person approves it.",
    )

    @field_validator("webhook_url")
    @classmethod
    def _can_be_called(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        address = value.get_secret_value()
        if not address.startswith(("https://", "http://")):
            raise ValueError("webhook_url must start with https:// or http://")
        return SecretStr(address.rstrip("/"))

    @field_validator("webhook_path")
    @classmethod
    def _cannot_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        return check_path(value)

    @field_validator("account")
    @classmethod
    def _is_a_label(cls, value: str | None) -> str | None:
        return label_or_none(value)

    def get_client(self, patience: Patience = RUN) -> BflProvider:
        """A client of this account in this region."""
        secret = self.webhook_secret.get_secret_value() if self.webhook_secret else None
        webhook = (self.webhook_url.get_secret_value(), secret) if self.webhook_url else None
        key = self.api_key.get_secret_value()
        hosts = tuple(self.storage_hosts)
        return BflProvider(key, label_of(self, self.account), self.region, self.base_url, webhook, patience, hosts)
