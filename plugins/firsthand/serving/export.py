"""Run the merge of LLaMA-Factory or veRL and verify what it wrote."""

import subprocess
import sys
from pathlib import Path

from firsthand import recipe
from firsthand.errors import UserError
from firsthand.findings import Finding
from firsthand.serving import verl_checkpoint
from firsthand.serving.adapter import check_adapter
from firsthand.serving.checks import passed, show, some
from firsthand.serving.tower_names import repair_alone
from firsthand.serving.verify import verify
from firsthand.serving.verify_verl import verify_verl

NEEDED = ("model_name_or_path", "adapter_name_or_path", "export_dir")


def export(
    source: Path, overrides: list[str], out: Path | None = None, base: str | None = None, run: bool = True,
    serve: bool = False,
) -> None:  # fmt: skip
    """Merge (unless it was done before), verify, and on request serve; a failed check is an error."""
    if (source / "config.json").is_file():
        if overrides or out or base or serve:
            raise UserError(f"{source} is a model: only its names are looked at; write nothing behind it")
        return show(repair_alone(source))
    if source.is_dir() or recipe.load(source).kind == "verl":
        merged, checks = _of_verl(source, overrides, out, base, run)
    else:
        if out or base:
            raise UserError("--out and --base are for veRL; write export_dir=DIR, model_name_or_path=DIR instead")
        merged, checks = _of_llamafactory(source, overrides, run)
    show(checks)
    if serve and passed(checks):
        from firsthand.serving.greedy import same_answers

        served = same_answers(merged)
        show(served)
        checks += served
    if failed := [check.rule for check in checks if check.level == "error"]:
        raise UserError(f"{merged} failed verification ({some(failed)}): do not train on it or serve it")


def _of_llamafactory(path: Path, overrides: list[str], run: bool) -> tuple[Path, list[Finding]]:
    config = read_recipe(path, overrides)
    base, adapter, merged = (config[key] for key in NEEDED)
    if run:
        if Path(base).is_dir() and not passed(found := check_adapter(Path(base), Path(adapter))):
            return Path(merged), found  # no merge of these can be right
        cli = Path(sys.executable).with_name("llamafactory-cli")
        done = subprocess.run([str(cli), "export", str(path), *overrides])
        if done.returncode:
            raise UserError(f"llamafactory-cli export {path} ended with code {done.returncode}; see its output above")
    return Path(merged), verify(base, Path(adapter), Path(merged))


def _of_verl(
    source: Path, overrides: list[str], out: Path | None, base: str | None, run: bool
) -> tuple[Path, list[Finding]]:
    if source.is_dir():
        if overrides:
            raise UserError(f"{overrides[0]}: a folder takes no overrides; name the recipe, or use --base and --out")
        actor, recorded = verl_checkpoint.from_folder(source)
    else:
        actor, recorded = verl_checkpoint.from_recipe(source, overrides)
    if (base := base or recorded) is None:
        raise UserError(f"{actor}: the model that its training began with is not on record; add --base DIR")
    merged = out or actor.parent / "merged"
    if run:
        verl_checkpoint.merge(actor, merged)
    return merged, verify_verl(base, actor, merged)


def read_recipe(path: Path, overrides: list[str]) -> dict[str, str]:
    config = recipe.load(path).data
    if not isinstance(config, dict):
        raise UserError(f"{path}: not a recipe; a merge recipe is `key: value` lines with {', '.join(NEEDED)}")
    for item in overrides:
        key, sign, value = item.partition("=")
        if not sign:
            raise UserError(f"override {item!r}: write it as key=value")
        config[key] = value
    if missing := [key for key in NEEDED if not config.get(key)]:
        raise UserError(f"{path}: {', '.join(missing)} is missing; a merge recipe needs {', '.join(NEEDED)}")
    return {key: str(value) for key, value in config.items()}
