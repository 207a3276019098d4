"""`tuneloop doctor` finds nothing where all is in order, and names each planted trouble with its remedy."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from pathlib import Path
from shutil import disk_usage
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.filesystems import LocalFileSystem
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import SecretStr

from blocks.bfl_credentials import BflCredentials
from blocks.segmind_credentials import SegmindCredentials
from tests.cli.commands import in_this_process
from tests.flows.bill import Bill
from tests.flows.runs import SENSOR, nudge_sensor, sensor_paused
from tests.s3_server import ACCESS_KEY, SECRET_KEY, fresh_bucket, s3_client, s3_server
from tests.storage.failing_proxy import failing_proxy
from tests.waiting import wait_until
from tuneloop.cli.exit_codes import REFUSED
from tuneloop.clock import now
from tuneloop.demo.stack import Stack
from tuneloop.ledger.accounts import hand_over
from tuneloop.ledger.ledger import Ledger
from tuneloop.operations.doctor import disk
from tuneloop.orchestration.deployment_files import SAMPLE
from tuneloop.orchestration.sensor_runs import sensor_problems
from tuneloop.orchestration.stores import init_store
from tuneloop.project.layer import OPERATOR_FILE
from tuneloop.storage.local import LocalDirectory

Checks = dict[str, dict[str, str]]
"""What was checked, by its name."""


def doctor(folder: Path) -> tuple[int, Checks]:
    """Run the command in a folder. Returns its exit code, and what was checked."""
    with chdir(folder):
        done = in_this_process("doctor", "--json")
    assert done.stderr == ""
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


@pytest.mark.usefixtures("emulator")
def test_installation_in_good_order_has_no_trouble(stack: Stack) -> None:
    def silence() -> list[str]:
        with get_client(sync_client=True) as client:
            return sensor_problems(client, stack.store_slug, now())

    if silence():  # other tests have let it rest
        nudge_sensor()
        wait_until("the sensor polls", lambda: not silence(), seen=silence)
    code, checks = doctor(stack.folder / "project")
    assert [check for check in checks.values() if check["status"] != "ok"] == []
    assert code == 0
    named = " ".join(checks)
    for what in ("Prefect version", "work pool tuneloop", f"sensor of {stack.store_slug}", "clock", "write once"):
        assert what in named


@pytest.mark.usefixtures("emulator")
def test_outside_of_a_project_it_is_checked_what_the_deployments_of_the_server_need(
    stack: Stack, tmp_path: Path
) -> None:
    _, checks = doctor(tmp_path)
    assert checks["deployments"]["message"] == "not compared with files"
    for name in ("work pool tuneloop", f"store {stack.store_slug}", f"account {stack.credentials_slug}"):
        assert checks[name]["status"] == "ok"


class Troubles(ExitStack):
    """Plants troubles in an installation, and takes them away at its end."""

    def __init__(self, stack: Stack, folder: Path, client: SyncPrefectClient) -> None:
        super().__init__()
        self.stack, self.folder, self.client = stack, folder, client
        self.entries: list[dict[str, Any]] = []
        self.sample = yaml.safe_load(SAMPLE.read_text())["deployments"][0]

    def block(self, name: str, block: Block) -> str:
        block.save(name, overwrite=True)
        self.callback(type(block).delete, name)
        return f"{block.get_block_type_slug()}/{name}"

    def deployment(self, name: str, store: str, account: str, pool: str = "tuneloop") -> None:
        """Let a file name these. It is not deployed, which is a trouble too."""
        parameters = {**self.sample["parameters"], "store": store, "credentials": account}
        self.entries.append(
            {**self.sample, "name": name, "schedules": [], "work_pool": {"name": pool}, "parameters": parameters}
        )

    def local_store(self, name: str) -> tuple[str, LocalDirectory]:
        folder = self.folder / name
        folder.mkdir()
        slug = self.block(name, LocalFileSystem(basepath=str(folder)))
        init_store(slug)
        return slug, LocalDirectory(folder)

    def plant(self) -> None:
        """Plant everything, and write the project's files."""
        default, store = self.stack.credentials_slug, self.stack.store_slug
        self.client.create_work_pool(WorkPoolCreate(name="gpu", type="process"))
        self.callback(self.client.delete_work_pool, "gpu")
        self.deployment("on-gpus", store, default, "gpu")
        self.deployment("nameless", "local-file-system/nowhere", default)
        self.deployment("half", self.block("half", LocalFileSystem()), default)
        self.deployment("careless", self.careless_store(), default)
        self.deployment("swapped", self.swapped_store(), default)
        driven, self.elsewhere = self.local_store("driven")
        hand_over(Ledger(self.elsewhere), "another server", "http://10.0.0.7:4200/api", "somebody")
        self.deployment("driven", driven, default)
        self.accounts()
        self.stack.emulator.switch(date_off_s=3600)
        self.callback(self.stack.emulator.switch, date_off_s=0)
        self.deployed()

    def careless_store(self) -> str:
        """A store on S3 that forgets the condition of a write, and whose clock is ahead."""
        endpoint = self.enter_context(s3_server())
        proxy = self.enter_context(failing_proxy(endpoint))
        keys = AwsCredentials(
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SecretStr(SECRET_KEY),
            region_name="us-east-1",
            aws_client_parameters={"endpoint_url": proxy.endpoint},
        )
        bucket = fresh_bucket(s3_client(endpoint))
        slug = self.block("careless", S3Bucket(bucket_name=bucket, credentials=keys))
        init_store(slug)
        proxy.ahead_s, proxy.forgets = 3600, {"if-none-match"}
        return slug

    def swapped_store(self) -> str:
        """Behind the block is another store now."""
        slug, _ = self.local_store("swapped")
        _, other = self.local_store("other")
        LocalFileSystem(basepath=str(other.folder)).save("swapped", overwrite=True)
        return slug

    def accounts(self) -> None:
        url, store = self.stack.emulator.url, self.stack.store_slug
        held = self.enter_context(socket.socket())
        held.bind(("127.0.0.1", 0))  # nobody listens there
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}"
        refused = SegmindCredentials(api_key=SecretStr("SG_wrong0123"), base_url=url)
        self.deployment("refused", store, self.block("refused", refused))
        secret = SecretStr(f"{nobody}/hooks/bfl/0123456789abcdef0123456789")
        calls = BflCredentials(api_key=SecretStr("any"), base_url=nobody, webhook_url=secret)
        self.deployment("calls", store, self.block("calls", calls))

    def deployed(self) -> None:
        """A paused sensor, what is in no file, and a file that was changed since it was deployed."""
        self.enter_context(sensor_paused())
        sensor = self.client.read_deployment_by_name(SENSOR)
        left = self.client.create_deployment(
            sensor.flow_id,
            "left",
            tags=["tuneloop:left"],
            entrypoint=sensor.entrypoint,
            pull_steps=sensor.pull_steps,
        )
        self.callback(self.client.delete_deployment, left)
        self.other_project(sensor.flow_id)
        adopting = self.client.read_deployment_by_name("adopt-model/adopt").id
        schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *"), slug="old", active=False)
        (made,) = self.client.create_deployment_schedules(adopting, [schedule])
        self.callback(self.client.delete_deployment_schedule, adopting, made.id)
        models = self.stack.folder / "project" / "deployments"
        file, before = models / SAMPLE.name, (models / SAMPLE.name).read_text()
        self.callback(file.write_text, before)
        entry = yaml.safe_load(before)["deployments"][0]
        entry["schedules"][0]["cron"] = "0 4 * * *"
        entry["parameters"]["model"] = entry["description"] = "another"
        entry["work_pool"]["job_variables"] = {"env": {"TUNELOOP_POLL_INTERVAL_S": "60"}}
        file.write_text(yaml.safe_dump({"deployments": [entry | {"tags": ["another"], "concurrency_limit": 2}]}))
        new = models / "troubled.yaml"
        self.callback(new.unlink)
        new.write_text(yaml.safe_dump({"deployments": self.entries}))

    def other_project(self, flow: UUID) -> None:
        """A deployment that a file here names too was deployed from another project."""
        self.deployment("theirs", self.stack.store_slug, self.stack.credentials_slug)
        folder = self.folder / "theirs"
        folder.mkdir()
        (folder / OPERATOR_FILE).touch()
        steps = [{"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}]
        entrypoint = self.entries[-1]["entrypoint"]
        made = self.client.create_deployment(flow, "theirs", entrypoint=entrypoint, pull_steps=steps)
        self.callback(self.client.delete_deployment, made)


@pytest.fixture(scope="module")
def checks(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checks]:
    """What one look at an installation with all of these troubles has found."""
    with (
        get_client(sync_client=True) as client,
        Troubles(stack, tmp_path_factory.mktemp("troubles"), client) as troubles,
        pytest.MonkeyPatch.context() as patch,
    ):
        troubles.plant()
        patch.setattr(disk, "disk_usage", lambda folder: disk_usage(folder)._replace(free=1_000_000))
        bill, before = Bill(stack.emulator), list(troubles.elsewhere.names(""))
        code, found = doctor(stack.folder / "project")
        assert code == REFUSED
        assert len(bill.paths) == 2, "each of two accounts is asked once"
        assert list(troubles.elsewhere.names("")) == before, "nothing is written"
        yield found


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("work pool gpu", "starts no runs", "`prefect worker start --pool gpu`"),
        ("block local-file-system/nowhere", "cannot be used", "create it in the Prefect UI"),
        ("block local-file-system/half", "cannot be used", "has no basepath; set it to the folder for artifacts"),
        ("store s3-bucket/careless, write once", "a second write is accepted", "Use a server that honours it"),
        ("store s3-bucket/careless, clock", "not in sync", "Set both by NTP"),
        ("store local-file-system/swapped", "cannot be used", "Put it back"),
        ("store local-file-system/driven", "cannot be used", "`tuneloop store move local-file-system/driven`"),
        ("account segmind-credentials/default, clock", "not in sync", "Set the clock (for example by NTP)"),
        ("account segmind-credentials/refused", "the key is refused", "put the right one into the credentials"),
        ("account segmind-credentials/default in local-file-system/driven", "is known differently", "into store"),
        ("account bfl-credentials/calls", "does not respond", "check the network and 127.0.0.1"),
        ("account bfl-credentials/calls, webhook", "nothing responds", "start `tuneloop webhooks`"),
        ("sensor of local-file-system/tuneloop", "does not poll", "switch it on in the Prefect UI"),
        ("deployment on-gpus", "is not on the server", "Run `tuneloop deploy`"),
        (
            "deployment sample-robot",
            "differs from its file: parameters, schedules, work_pool, tags, concurrency_limit, description",
            "Run `tuneloop deploy`, or copy",
        ),
        ("deployment theirs", "is another project's", "Give one of them another name"),
        (
            "deployment adopt",
            "its schedule old is no longer in any file",
            "Run `tuneloop deploy`, which deletes it",
        ),
        ("deployment left", "is no longer in any file", "Run `tuneloop deploy`, which deletes it"),
        ("disk, Prefect's folder", "only 0.0 GB free", "free some space on its disk"),
        ("disk, temporary folder", "only 0.0 GB free", "free some space on its disk"),
        ("disk, store local-file-system/tuneloop", "only 0.0 GB free", "move it to a larger one"),
    ],
)
def test_trouble_is_named_with_its_remedy(checks: Checks, name: str, message: str, remedy: str) -> None:
    found = checks[name]
    assert found["status"] == "problem"
    assert message in found["message"]
    assert remedy in found["remedy"]


def test_what_is_in_order_is_told_so_amid_all_troubles_and_no_secret_is_shown(checks: Checks) -> None:
    for name in ("Prefect server", "Prefect version", "work pool tuneloop", "store local-file-system/tuneloop"):
        assert checks[name]["status"] == "ok"
    for secret in ("SG_wrong0123", "0123456789abcdef0123456789", SECRET_KEY):
        assert secret not in json.dumps(checks)
