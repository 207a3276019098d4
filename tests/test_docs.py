"""What the documents say is there, works."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml
from prefect.cli._app import _app as prefect
from typer.testing import CliRunner

from tuneloop import api
from tuneloop.cli.app import app
from tuneloop.orchestration.comparison_request import ComparisonRequest
from tuneloop.orchestration.deployment_files import SAMPLE, check_file, deployment_files, flow_of, named_blocks
from tuneloop.providers.base import Capabilities
from tuneloop.providers.registry import PROVIDERS
from tuneloop.schemas.evaluation import GatePolicy, ScoreWeights
from tuneloop.schemas.plan import EvaluationConfig
from tuneloop.schemas.recipe_fields import BaseRecipe, trainer_of
from tuneloop.schemas.render_settings import endpoint_of
from tuneloop.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
IDS = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def commands(document: Path) -> list[str]:
    """Every command in a shell block or between backticks."""
    text = document.read_text()
    found = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    found += re.findall(r"`((?:make|\.venv/bin/\w+|tuneloop) [^`\n]+)`", text)
    return [line.split("#")[0].strip() for line in found if line.strip()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_paths_exist(document: Path) -> None:
    made_later = {
        ".demo/", ".emulator/", ".env", ".tmp/", ".tuneloop/", "deployments/robots.yaml", "metadata.jsonl",
        "robots/", "screenshots/",
    }  # fmt: skip
    for path in re.findall(r"`((?:[a-z_]+/)+[a-z_./-]*|[a-z-]+\.(?:yaml|toml|txt))`", document.read_text()):
        store_names = path.split("/")[0] in {
            "images", "captions", "datasets", "trainings", "trained", "weights", "renders", "models", "runs",
            "inflight", "promotions", "budget", "duplicate-jobs", "job-names", "unknown-statuses",
            "overdue", "transfers", "render-log", "scans", "drivers", "accounts",
            "failed-jobs", "failed-downloads", "retrain-reasons", "cancelled", "continued", "pages",
            "cancelled-jobs", "comparisons", "unreached",
        }  # fmt: skip
        if path not in made_later and not path.startswith(("tuneloop/key", "robots/")) and not store_names:
            assert (ROOT / path).exists(), f"{document.name} names {path}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands(document):
        words = shlex.split(command)
        if words[0] == "make":
            assert words[1] in targets, command


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_tuneloop_commands_and_options_exist(document: Path) -> None:
    for command in commands(document):
        words = shlex.split(command)
        if words[0] not in {"tuneloop", ".venv/bin/tuneloop"}:
            continue
        command_words = words[1:3] if words[1] == "store" else [word for word in words[1:2] if word[0] != "-"]
        shown = CliRunner().invoke(app, [*command_words, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
        assert shown.exit_code == 0, command
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.output, command


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_prefects_commands_and_options_exist(document: Path) -> None:
    for command in re.findall(r"(?:^ *|`)(prefect [a-z-]+ [^`\n]* [^`\n]+)", document.read_text(), re.MULTILINE):
        prefect.parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_settings_exist(document: Path) -> None:
    known = {f"TUNELOOP_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"TUNELOOP_[A-Z0-9_]+", document.read_text())) <= known


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    for name in Settings.model_fields:
        assert f"`TUNELOOP_{name.upper()}`" in text


def test_api_is_named_whole_and_its_examples_import_nothing_else_of_the_library() -> None:
    text = (ROOT / "docs" / "your-own-flows.md").read_text()
    table = "".join(line for line in text.splitlines() if line.startswith("| "))
    assert {name for name in re.findall(r"`(\w+)`", table) if name != "tuneloop"} == set(api.__all__)
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        found = {node.module for node in ast.walk(ast.parse(example)) if isinstance(node, ast.ImportFrom)}
        assert {name for name in found if str(name).startswith("tuneloop")} <= {"tuneloop.api"}


def test_every_check_of_a_dataset_is_explained_with_its_severity() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "tuneloop" / "datasets").rglob("*.py"))
    errors = set(re.findall(r'(?:\b_?error|\bImageError)\(\s*"([a-z0-9-]+)"', code))
    warnings = set(re.findall(r'(?:\b_?warning|\b_warn)\(\s*"([a-z0-9-]+)"|\bcheck = "([a-z-]+)"', code))
    told = dict.fromkeys(errors, "error") | {"".join(names): "warning" for names in warnings}
    told |= dict.fromkeys(errors & {"".join(names) for names in warnings}, "error, warning")
    text = (ROOT / "docs" / "checks.md").read_text()
    rows = re.findall(r"^\| (`[^|]+`) \| ((?:error|warning)[a-z, ]*) \|", text, re.MULTILINE)
    assert {name: severity for names, severity in rows for name in re.findall(r"`([a-z0-9-]+)`", names)} == told


def test_scores_and_settings_of_the_gate_are_explained_with_their_defaults() -> None:
    text = (ROOT / "docs" / "judging.md").read_text()
    scores = dict(re.findall(r"^\| `(\w+)` \| .* \| ([\d.]+) \|$", text, re.MULTILINE))
    assert {name: float(weight) for name, weight in scores.items()} == ScoreWeights().model_dump()
    settings = dict(re.findall(r"^\| `(\w+)` \| `?([\w.]+)`? \| [^|]+ \|$", text, re.MULTILINE))
    defaults = {name: f"{value}" for name, value in GatePolicy().model_dump(exclude={"weights"}).items()}
    assert {name: settings.get(name) for name in GatePolicy.model_fields} == {**defaults, "weights": "above"}


def test_example_of_an_evaluation_can_be_used() -> None:
    text = (ROOT / "docs" / "judging.md").read_text()
    block, _ = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    plan = EvaluationConfig.model_validate(yaml.safe_load(block)["evaluation"])
    assert plan.image_count == 12
    assert (plan.gate.margin, plan.gate.undecided, plan.gate.weights.color_similarity) == (0.02, "reject", 0)


def test_example_of_a_second_trainer_can_be_used() -> None:
    (block,) = re.findall(r"```yaml\n(fallback:.*?)```", (ROOT / "docs" / "operating.md").read_text(), re.DOTALL)
    (sample,) = yaml.safe_load(SAMPLE.read_text())["deployments"]
    own = {"store": "local-file-system/tuneloop", **yaml.safe_load(block)}
    entry = {**sample, "parameters": {**sample["parameters"], **own}}
    accounts = {account for _, account in named_blocks(entry)}
    assert accounts == {"segmind-credentials/default", "fal-credentials/default"}


def test_example_of_a_comparison_can_be_used_and_is_the_one_that_is_shipped() -> None:
    text = (ROOT / "docs" / "judging.md").read_text()
    _, block = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    shipped = yaml.safe_load((ROOT / "deployments" / "examples" / "comparison.yaml").read_text())
    assert yaml.safe_load(block) == shipped
    values = flow_of("flows/compare_trainers.py:compare_trainers").validate_parameters(shipped)
    names = ("name", "model", "dataset", "recipes", "budget", "prompts", "seeds", "aspect_ratio", "gate")
    request = ComparisonRequest(*(values[name] for name in names))
    plans = [request.run_request(each).plan for each in request.candidates]
    assert [plan.image_count for plan in plans] == [12, 12]


def test_shipped_deployments_pass_the_check_and_have_a_cron_with_time_zone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TUNELOOP_STORE", "local-file-system/tuneloop")
    for file in (*deployment_files(Path()), SAMPLE):
        assert check_file(file) == []
        for deployment in yaml.safe_load(file.read_text())["deployments"]:
            assert all(schedule["cron"] and schedule["timezone"] for schedule in deployment.get("schedules", []))


_COLUMNS = (
    "trainer",
    "provider",
    "dataset",
    "list shows states",
    "found by name",
    "cancel",
    "weights",
    "rendered by",
    "public or private",
    "webhook",
    "takes new trainings",
)


def capability_table() -> str:
    """What each trainer can do, as a markdown table."""
    lines = [_COLUMNS, ("---",) * len(_COLUMNS)]
    lines += [_line(recipe, row.client.capabilities) for row in PROVIDERS for recipe in row.recipes]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _line(recipe: type[BaseRecipe], can: Capabilities) -> tuple[str, ...]:
    kind = "edit pairs" if recipe.edit_pairs else "images"
    way = "presigned upload" if can.upload else "within the submit"
    way += ", or a public address" if can.public_url else ""
    return (
        f"`{trainer_of(recipe)}`",
        recipe.provider,
        f"{kind}; {way}",
        _yes(can.list_has_status),
        "yes" if can.list_is_complete else "yes, but absence proves nothing",
        _yes(can.cancel),
        _yes(can.weights) if can.weights else "no: used by its id",
        ", ".join(endpoint_of(service) for service in recipe.services),
        _yes(can.visibility),
        _yes(can.webhook),
        can.takes_trainings,
    )


def _yes(can: bool) -> str:
    return "yes" if can else "no"


def test_capability_table_is_the_one_the_code_gives() -> None:
    assert capability_table() in (ROOT / "docs" / "providers.md").read_text()


def test_pages_tell_to_wait_for_as_long_as_a_list_may_lack_a_job() -> None:
    found = re.findall(r"wait (\d+) minutes \(at BFL (\d+)\)", "".join(path.read_text() for path in DOCUMENTS))
    assert len(found) == 3
    for usual, at_bfl in found:
        for row in PROVIDERS:
            margins = row.client.margins
            least_s = margins.claim_s + margins.ambiguous_for.total_seconds()
            assert least_s <= 60 * int(at_bfl if row.name == "bfl" else usual), row.name
