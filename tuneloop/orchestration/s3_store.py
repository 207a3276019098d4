"""A store on S3, by its block.

Most blocks say where the bucket is and with which keys, and nothing else. Such a one is read without prefect_aws,
whose import takes a third of a second: more than anything else in a run that finds nothing changed. As soon as a
block says more, prefect_aws makes its client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from pydantic import SecretStr, ValidationError

from tuneloop.errors import ConfigurationError
from tuneloop.orchestration.block_loading import load_block, said
from tuneloop.schemas.frozen import FrozenModel
from tuneloop.settings import Settings
from tuneloop.storage.s3 import CachingS3Store, client_config
from tuneloop.storage.s3_logs import NO_RUN, log_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect_aws.s3 import S3Bucket

S3_BUCKET = "s3-bucket"
"""Slug of the block type."""


class _ClientParameters(FrozenModel):
    """What a block says of its client; another field, or another value, is for prefect_aws."""

    endpoint_url: str | None = None
    use_ssl: bool = True
    api_version: None = None
    verify: None = None
    verify_cert_path: None = None
    config: None = None


class _AwsCredentials(FrozenModel):
    """Keys, or none where boto3 finds them; a role to assume is for prefect_aws."""

    block_type_slug: Literal["aws-credentials"]
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_session_token: str | None = None
    profile_name: str | None = None
    region_name: str | None = None
    aws_client_parameters: _ClientParameters = _ClientParameters()
    assume_role_arn: None = None
    assume_role_kwargs: dict[str, None] | None = None

    def get_boto3_session(self) -> boto3.Session:
        """A session with these keys, as the block of prefect_aws makes it."""
        secret = self.aws_secret_access_key
        return boto3.Session(
            aws_access_key_id=self.aws_access_key_id,
            aws_secret_access_key=secret.get_secret_value() if secret else None,
            aws_session_token=self.aws_session_token,
            profile_name=self.profile_name,
            region_name=self.region_name,
        )


class PlainBucket(FrozenModel):
    """A block that says no more than where the bucket is and with which keys."""

    block_type_slug: Literal["s3-bucket"] = "s3-bucket"
    bucket_name: str
    bucket_folder: str = ""
    credentials: _AwsCredentials


def s3_store_of(slug: str, expected: Callable[[], str]) -> CachingS3Store:
    """The store of a block, whether there is one or not. Raises `ConfigurationError` as `load_block`."""
    block = _read(slug, expected)
    return CachingS3Store(client_of(block, slug), block.bucket_name, block.bucket_folder.strip("/"))


def _read(slug: str, expected: Callable[[], str]) -> PlainBucket | S3Bucket:
    with said(slug, expected), get_client(sync_client=True) as client:
        try:
            return PlainBucket.model_validate(
                client.read_block_document_by_name(slug.partition("/")[2], S3_BUCKET).data
            )
        except (ObjectNotFound, ValidationError):
            # Whatever else it says, or whatever is wrong with it.
            from prefect_aws.s3 import S3Bucket  # noqa: PLC0415 - see above

            return load_block(slug, S3Bucket, expected)  # type: ignore[return-value]


def client_of(block: PlainBucket | S3Bucket, slug: str) -> Any:
    """Build the client from the block's own credentials, with our time-outs and retries.

    What the block's own `config` says wins, such as `request_checksum_calculation`.
    """
    credentials = block.credentials
    try:
        parameters = _parameters_of(block)
        parameters["config"] = client_config().merge(parameters.get("config") or Config())
        client = credentials.get_boto3_session().client("s3", **parameters)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"block {slug} gives no S3 client: {error}") from None
    if (file := Settings().s3_request_log) is not None:
        log_requests(client, file, flow_run.id or NO_RUN)
    return client


def _parameters_of(block: PlainBucket | S3Bucket) -> dict[str, Any]:
    if isinstance(block, PlainBucket):
        return block.credentials.aws_client_parameters.model_dump(exclude_none=True)
    return block.credentials.aws_client_parameters.get_params_override()
