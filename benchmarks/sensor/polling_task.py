"""The peer: a plain Prefect flow whose task polls one job, in a process that waits with it.

`python -m benchmarks.sensor.polling_task URL KEY JOB_ID SECONDS INTERVAL`
"""

from __future__ import annotations

import sys
import time

import boto3
import requests
from prefect import flow, task

URL, KEY, JOB = sys.argv[1:4]
SECONDS, INTERVAL = float(sys.argv[4]), float(sys.argv[5])


@task
def wait_for_job() -> int:
    """Ask for the job's state until the time is over."""
    asked, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        requests.get(
            f"{URL}/finetune/request/details", headers={"x-api-key": KEY}, json={"request_id": JOB}, timeout=10
        )
        asked += 1
        time.sleep(INTERVAL)
    return asked


@flow
def train_and_wait() -> int:
    """What such scripts look like; its weights would go to S3."""
    boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
    return wait_for_job()


train_and_wait()
