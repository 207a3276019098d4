"""The key of one Segmind account."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, field_validator

from blocks.spending_guard import SpendingGuard
from tuneloop.hints.address import check_path
from tuneloop.http.patience import RUN, Patience
from tuneloop.providers.segmind import BASE_URL, SegmindProvider
from tuneloop.values.training import check_label


class SegmindCredentials(Block):
    """API key of one Segmind account, for training LoRAs and rendering with them."""

    _block_type_name: ClassVar[str | None] = "Segmind Credentials"
    _block_type_slug: ClassVar[str | None] = "segmind-credentials"
    _description: ClassVar[str | None] = (
        "API key of one Segmind account, for training LoRAs and rendering with them."
    )

    api_key: SecretStr = Field(description="The key from Segmind's console; it starts with SG_.")
    base_url: str = Field(
        default=BASE_URL, description="Where the API lives. Change it only for the emulator or a proxy."
    )
    account: str = Field(
        default="default",
        description="Your name for the account that pays. Two keys of one account carry the same name: "
        "it is part of every training's identity.",
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

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError(f"base_url must start with https:// or http://, not {value!r}")
        return value.rstrip("/")

    @field_validator("webhook_path")
    @classmethod
    def _cannot_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        return check_path(value)

    @field_validator("account")
    @classmethod
    def _is_a_label(cls, value: str) -> str:
        return check_label(value)

    def get_client(self, patience: Patience = RUN) -> SegmindProvider:
        """A client of this account."""
        return SegmindProvider(self.api_key.get_secret_value(), self.account, self.base_url, patience)
