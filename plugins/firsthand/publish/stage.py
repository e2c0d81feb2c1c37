"""The folder that goes to a hub: the card, and links to the files that belong there and to nothing else.

What lies in a folder of training or of rows and is left behind (optimizers, pickles, logs, frames of others) is named.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ValidationError

from firsthand import files
from firsthand.data.build.catalogue import RELEASES
from firsthand.errors import UserError, first_problem
from firsthand.evals import tables
from firsthand.evals.results import Results, comparisons, results
from firsthand.evals.run_folder import Folder
from firsthand.publish import front_matter
from firsthand.publish.front_matter import HubName

TEMPLATES = Path(__file__).parent / "templates"
OF_MODEL = ("*.safetensors", "*.json", "*.jinja", "*.model", "merges.txt", "vocab.txt")
NOT_OF_MODEL = ("trainer_state.json", "all_results.json", "train_results.json", "eval_results.json")
OF_DATA = ("sft*.jsonl", "rl_*.parquet", "eval.jsonl", "manifest.json")


class Source(BaseModel):
    file: str
    bytes: int
    sha256: str


class Part(BaseModel):
    rows: dict[str, int]
    sources: list[Source]


class Manifest(BaseModel):
    """What `firsthand data build` says of the rows that it made, as far as a card repeats it."""

    licence: str
    sft: Part | None = None
    rl: Part | None = None
    eval: Part | None = None


@dataclass
class Staged:
    folder: Path
    files: list[Path]
    left: list[str]
    command: list[str]


def stage_model(
    model: Path, repo: str, hub: HubName, out: Path, runs: Sequence[Path], base: str | None, licence: str
) -> Staged:
    if not any((model / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise UserError(f"{model}: neither a model nor an adapter (no config.json, no adapter_config.json)")
    if not any(model.glob("*.safetensors")):
        raise UserError(f"{model}: no *.safetensors; export it with `firsthand export`")
    base = base or _base(model)
    found = [(folder, results(folder)) for folder in map(Folder, runs)]
    head = front_matter.of_model(hub, repo.partition("/")[2], base, licence, found)
    values = {"name": repo, "base": base, "grids": _tables([one for _, one in found]), "notes": _notes(found)}
    chosen = [path for path in _matching(model, OF_MODEL) if path.name not in NOT_OF_MODEL]
    return _stage(out, model, chosen, head, _card("model.md.jinja", values), _command(hub, repo, out, "model"))


def stage_data(name: str, repo: str, hub: HubName, out: Path, folder: Path) -> Staged:
    release, manifest_file = RELEASES.get(name), folder / "manifest.json"
    if release and release.guarded:
        raise UserError(f"{name} is a test set whose owner keeps it apart; it is not published")
    try:
        manifest = Manifest.model_validate(files.read_json(manifest_file))
    except ValidationError as error:
        raise UserError(f"{manifest_file}: not of `firsthand data build` ({first_problem(error)})") from None
    parts = [part for part in (manifest.sft, manifest.rl, manifest.eval) if part]
    rows = {file: count for part in parts for file, count in part.rows.items()}
    chosen = _matching(folder, OF_DATA)
    named = [path for path in chosen if path.suffix != ".json"]
    head = front_matter.of_data(hub, manifest.licence, named, sum(rows.values()))
    about = folder / "README.md"
    values = {
        "name": name,
        "licence": manifest.licence,
        "terms": release.terms if release else "",
        "home": release.kept_at if release else "",
        "rows": rows,
        "sources": [one for part in parts for one in part.sources],
        "about": about.read_text() if about.is_file() else "",
    }
    return _stage(out, folder, chosen, head, _card("data.md.jinja", values), _command(hub, repo, out, "dataset"))


def upload(staged: Staged) -> None:
    """By the hub's own program, with the login that it keeps."""
    program = shutil.which(staged.command[0]) or Path(sys.executable).with_name(staged.command[0])
    if not Path(program).is_file():
        package = {"hf": "huggingface_hub", "modelscope": "modelscope"}[staged.command[0]]
        raise UserError(f"`{staged.command[0]}` is not installed; pip install {package}, and log in with it")
    done = subprocess.run([str(program), *staged.command[1:]])
    if done.returncode:
        raise UserError(f"{' '.join(staged.command)} ended with code {done.returncode}; see its output above")


def _stage(out: Path, source: Path, chosen: list[Path], head: dict[str, Any], card: str, command: list[str]) -> Staged:
    if out.exists() and not (out / "README.md").is_file():
        raise UserError(f"{out}: exists and was not written by `firsthand publish`; name another --out")
    for path in chosen:
        link = out / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        link.symlink_to(path.resolve())
    if stray := [path.name for path in out.glob("*") if path.name not in {"README.md", *(one.name for one in chosen)}]:
        raise UserError(f"{out}: has files that do not belong there ({', '.join(stray)}); name another --out")
    text = f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n{card}"
    files.write_text(out / "README.md", text)
    left = sorted(path.name for path in source.iterdir() if path not in chosen and path.name != "README.md")
    return Staged(out, chosen, left, command)


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def _base(model: Path) -> str | None:
    adapter = model / "adapter_config.json"
    named = files.read_json(adapter).get("base_model_name_or_path") if adapter.is_file() else None
    return named if named and not Path(named).is_absolute() else None  # a folder of this machine says nothing there


def _tables(found: Sequence[Results]) -> str:
    """The tables of every run, below a heading of its own."""
    parts = [
        tables.as_markdown(f"{one.benchmark}: {one.run}", tables.grids([one]), tables.notes([one])) for one in found
    ]
    return "\n".join(part.replace("\n## ", "\n#### ").replace("# ", "### ", 1) for part in parts)


def _notes(found: Sequence[tuple[Folder, Results]]) -> list[str]:
    """How each run was asked, and what an agent gains by its tools."""
    asked = [
        f"{run.manifest.benchmark}: {', '.join(f'{k} {v}' for k, v in one.settings.items())}" for run, one in found
    ]
    return [*asked, *(pair.sentence for run, _ in found for pair in comparisons([run]))]


def _card(template: str, values: dict[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # a card is Markdown, and nothing of a model's output is in it
    return environment.get_template(template).render(**values)


def _command(hub: HubName, repo: str, out: Path, kind: str) -> list[str]:
    return [hub, "upload", repo, str(out), ".", "--repo-type", kind] if hub == "hf" else [
        hub, "upload", repo, str(out), "--repo-type", kind
    ]  # fmt: skip
