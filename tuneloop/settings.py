"""Settings of this installation: environment variables `TUNELOOP_…`, or the same lines in a `.env` file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

REPORTS_PORT = 8789
"""Where `tuneloop reports --serve` listens, unless told otherwise."""


class Settings(BaseSettings):
    """What is set for a whole installation; everything about one model is a deployment's parameter."""

    model_config = SettingsConfigDict(env_prefix="TUNELOOP_", env_file=".env", extra="ignore")

    store: str = "local-file-system/tuneloop"
    """Slug of the store's block that the deployments in this checkout use."""
    api_key: SecretStr | None = None
    """The provider's API key for `tuneloop init`, in place of `--key`."""
    reports_url: HttpUrl | None = None
    """Where `tuneloop reports --serve` is reached, for links to the pages of a store in a folder."""
    poll_interval_s: float = Field(default=30, gt=0)
    """Seconds between polls of a training, where a run waits in its own process."""
    allow_private_addresses: bool = False
    """Whether a dataset's address may lead into a private network or to the machine itself."""
    allow_plain_http: bool = False
    """Whether a store on S3 and the Prefect server may be at an `http://` address of another machine."""
    clip_model: str | None = None
    """The CLIP model that scores images; without it there are no CLIP scores."""
    s3_request_log: Path | None = None
    """A file that gets a line for every request to a store on S3: the flow run, the operation and the key."""
    s3_endpoint: str | None = None
    """S3 server for `tuneloop demo --store s3`; without it the demo starts one of its own."""
    s3_access_key: str | None = None
    """Access key for that server."""
    s3_secret_key: SecretStr | None = None
    """Secret key for that server."""
    s3_bucket: str = "tuneloop-demo"
    """Bucket on that server; made if it is missing."""
