"""Files of its own and one row: what docs/providers.md lists makes a provider, and the contract holds for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NAMES = {
    "segmind": "toy",
    "Segmind": "Toy",
    "SEGMIND": "TOY",
    "FluxLora": "ToyLora",
    "flux-lora": "toy-lora",
    "flux-dev-finetuned": "toy-finetuned",
    "model-slug": "toy-slug",
}
"""A provider like one that is there, under names of its own."""
ROW = """PROVIDERS = (
    ProviderRow(
        name="toy",
        client_class="ToyProvider",
        recipes=(import_module("tuneloop.providers.toy.recipes").ToyLoraRecipe,),
        webhook_steps=import_module("tuneloop.providers.toy.webhook").webhook_steps,
    ),
"""


def renamed(text: str) -> str:
    for old, new in NAMES.items():
        text = text.replace(old, new)
    return text


def add_toy(tree: Path) -> None:
    for source in ("tuneloop/providers/segmind", "tuneloop/emulator/segmind"):
        for file in (tree / source).glob("*.py"):
            target = Path(renamed(str(file.relative_to(tree))))
            (tree / target).parent.mkdir(exist_ok=True)
            (tree / target).write_text(renamed(file.read_text()))
    for source in ("blocks/segmind_credentials.py", "tests/wire/segmind.json"):
        (tree / renamed(source)).write_text(renamed((tree / source).read_text()))
    registry = tree / "tuneloop/providers/registry.py"
    registry.write_text(registry.read_text().replace("PROVIDERS = (\n", ROW))


def test_provider_made_of_its_own_files_and_one_row_meets_the_contract(tmp_path: Path) -> None:
    for part in ("tuneloop", "flows", "blocks", "tests"):
        shutil.copytree(
            ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "sample-images")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    add_toy(tmp_path)
    tests = ("tests/contract/test_contract.py", "tests/test_arrows.py", "-k", "toy or names_a_provider")
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
