"""Run a LLaMA-Factory merge recipe and verify what it wrote."""

import subprocess
import sys
from pathlib import Path

import yaml
from rich.console import Console

from firsthand.errors import UserError
from firsthand.serving.verify import verify

NEEDED = ("model_name_or_path", "adapter_name_or_path", "export_dir")


def export_recipe(recipe: Path, overrides: list[str], run: bool, check: bool) -> None:
    config = read_recipe(recipe, overrides)
    if run:
        cli = Path(sys.executable).with_name("llamafactory-cli")
        done = subprocess.run([str(cli), "export", str(recipe), *overrides])
        if done.returncode:
            raise UserError(f"llamafactory-cli export {recipe} ended with code {done.returncode}; see its output above")
    if check:
        report = verify(*(Path(config[key]) for key in NEEDED))
        console = Console()
        for item in report:
            console.print(f"  {'[green]ok[/]  ' if item.ok else '[red]FAIL[/]'} {item.name}: {item.detail}")
        if not all(item.ok for item in report):
            raise UserError(f"{config['export_dir']} failed verification: do not train on it or serve it")


def read_recipe(recipe: Path, overrides: list[str]) -> dict[str, str]:
    if not recipe.is_file():
        raise UserError(f"{recipe}: no such recipe")
    try:
        config = yaml.safe_load(recipe.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{recipe}: not valid YAML ({error})") from None
    if not isinstance(config, dict):
        raise UserError(f"{recipe}: not a recipe; a merge recipe is `key: value` lines with {', '.join(NEEDED)}")
    for item in overrides:
        key, sign, value = item.partition("=")
        if not sign:
            raise UserError(f"override {item!r}: write it as key=value")
        config[key] = value
    missing = [key for key in NEEDED if not config.get(key)]
    if missing:
        raise UserError(f"{recipe}: {', '.join(missing)} is missing; a merge recipe needs {', '.join(NEEDED)}")
    return config
