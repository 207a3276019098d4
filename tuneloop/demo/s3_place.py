"""Where `tuneloop demo --store s3` keeps its artifacts: the user's server and keys, or a server of its own."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from botocore.exceptions import ClientError
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from tuneloop.errors import ConfigurationError
from tuneloop.settings import Settings
from tuneloop.storage.s3 import client_config
from tuneloop.storage.s3_errors import s3_errors

_NOT_FOUND = 404


@dataclass(frozen=True)
class S3Place:
    """A server, its keys and a bucket.

    Attributes:
        endpoint: Address of the server; empty until the demo has started one.
        access_key: Its access key.
        secret_key: Its secret key.
        bucket: Made if it is missing.
    """

    endpoint: str
    access_key: str
    secret_key: SecretStr
    bucket: str


def configured_place(settings: Settings) -> S3Place:
    """What the user's settings name; the demo's own programs do not get them.

    Raises:
        ConfigurationError: A server is named without its keys.
    """
    if settings.s3_endpoint is None:
        return S3Place("", "demo", SecretStr("demo-secret"), settings.s3_bucket)
    if settings.s3_access_key is None or settings.s3_secret_key is None:
        raise ConfigurationError(
            "TUNELOOP_S3_ENDPOINT names a server without keys; set TUNELOOP_S3_ACCESS_KEY and "
            "TUNELOOP_S3_SECRET_KEY too"
        )
    return S3Place(settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key, settings.s3_bucket)


def store_block(place: S3Place, folder: str) -> S3Bucket:
    """The block of a new store below a prefix of its own, apart from earlier demos.

    Raises:
        StoreError: The server rejects the keys or the bucket.
    """
    credentials = AwsCredentials(
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name="us-east-1",
        aws_client_parameters={"endpoint_url": place.endpoint},
    )
    client = credentials.get_boto3_session().client("s3", endpoint_url=place.endpoint, config=client_config())
    with s3_errors(f"s3://{place.bucket}", place.endpoint):
        try:
            client.head_bucket(Bucket=place.bucket)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != _NOT_FOUND:
                raise
            client.create_bucket(Bucket=place.bucket)
    prefix = f"{folder.strip('.') or 'demo'}-{uuid4().hex[:8]}"
    return S3Bucket(bucket_name=place.bucket, credentials=credentials, bucket_folder=prefix)
