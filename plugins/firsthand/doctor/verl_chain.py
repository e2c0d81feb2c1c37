"""A veRL recipe as Hydra sees it: the files of its defaults list, their order, and the composed result.

Hydra is the judge of the composition, but it forgets where a value came from; so the recipe's own files are followed
here as well, and a finding can name the file and line that must change. veRL's config folder is given to Hydra as a
path: `pkg://verl...` would import veRL, and torch and Ray with it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.doctor import yaml_lines
from firsthand.doctor.findings import Finding, Place, rule
from firsthand.doctor.sources import package_folder
from firsthand.doctor.values import did_you_mean
from firsthand.doctor.yaml_lines import Document, KeyPath

REFUSED = rule(
    "VR005", "error", "Hydra cannot compose the recipe", "Its own message, with the line of the defaults list."
)
BAD_DEFAULTS = rule(
    "VR007",
    "error",
    "a broken defaults list",
    "Hydra finds no such config, or the recipe's own values are overwritten.",
)
NO_DEFAULTS = rule(
    "VR008", "error", "no defaults list", "Without veRL's own config below it, a recipe lacks some 500 values."
)


@dataclass
class Chain:
    """The recipe's own files in the order in which Hydra merges them: a later one wins."""

    recipe: Document
    files: list[tuple[Document, KeyPath]] = field(default_factory=list)  # with the package each is merged under
    base: str | None = None  # the config of veRL underneath, `ppo_trainer`
    findings: list[Finding] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        value: Any = self.values
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def sets(self, path: str) -> bool:
        """Whether the recipe itself, not veRL's defaults, says something here."""
        key = tuple(path.split("."))
        return any(
            key[: len(package)] == package and key[len(package) :] in document.lines for document, package in self.files
        )

    def place(self, path: str) -> Place:
        """The line that decides the value: the key, or its nearest ancestor, in the file that is merged last."""
        key: KeyPath = tuple(path.split("."))
        best, depth = self.recipe.place(), 0
        for document, package in self.files:
            if key[: len(package)] == package and (found := document.depth(key[len(package) :]) + len(package)) >= max(
                depth, 1
            ):
                best, depth = document.place(*key[len(package) :]), found
        return Place(best.file, best.line, path)


def config_folder() -> Path | None:
    verl = package_folder("verl")
    folder = verl / "trainer" / "config" if verl else None
    return folder if folder and folder.is_dir() else None


def follow(recipe: Document) -> Chain:
    chain = Chain(recipe)
    _follow(chain, recipe, (), {recipe.path.resolve()})
    if chain.base is None and not chain.findings and _is_whole(recipe.data):
        message = "a recipe of its own needs veRL's config underneath"
        chain.findings.append(NO_DEFAULTS.at(recipe.place(), message, "begin with `defaults: [ppo_trainer, _self_]`"))
    if chain.base is not None and not chain.findings:
        chain.values = _compose(chain)
    if not chain.values:  # an overlay, a broken list, or no veRL here: what the files themselves say
        for document, package in chain.files:
            data = document.data
            for part in reversed(package):
                data = {part: data}
            chain.values = _merge(chain.values, data)
    return chain


def _is_whole(data: dict[str, Any]) -> bool:
    wanted = {"data": "train_files", "actor_rollout_ref": "model"}
    return all(isinstance(data.get(key), dict) and inner in data[key] for key, inner in wanted.items())


def _merge(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: _merge(below.get(key), value) for key, value in above.items()}


def _follow(chain: Chain, document: Document, package: KeyPath, seen: set[Path]) -> None:
    entries = document.data.get("defaults", [])
    if not isinstance(entries, list):
        chain.findings.append(
            BAD_DEFAULTS.at(
                document.place("defaults"), "`defaults` is no list", "write `defaults: [ppo_trainer, _self_]`"
            )
        )
        entries = []
    own_at = None
    for index, entry in enumerate(entries):
        place = document.place("defaults", index)
        for group, name, target in _parts(entry):
            if name == "_self_":
                own_at = index
                chain.files.append((document, package))
            else:
                _entry(chain, document, place, group, name, package + target, seen)
    if own_at is None:
        chain.files.append((document, package))
    elif own_at < len(entries) - 1 and document is chain.recipe:
        place = document.place("defaults", own_at)
        message = "what follows `_self_` in the defaults list overwrites the recipe's own values"
        chain.findings.append(BAD_DEFAULTS.at(place, message, "move `_self_` to the end of the list"))


def _parts(entry: Any) -> Iterator[tuple[str, str, KeyPath]]:
    """(group, name, package) of `name`, `{group: name}`, `{override group: name}` and `{group@package: name}`."""
    for key, value in entry.items() if isinstance(entry, dict) else [("", entry)]:
        if not isinstance(value, str):
            continue
        group, _, package = re.sub(r"^(override|optional)\s+", "", key).partition("@")
        name, _, own_package = value.partition("@") if not group else (value, "", "")
        package = package or own_package or group.strip("/").replace("/", ".")
        yield group.strip("/"), name, () if package in ("", "_global_") else tuple(package.split("."))


def _entry(
    chain: Chain, document: Document, place: Place, group: str, name: str, package: KeyPath, seen: set[Path]
) -> None:
    folder = chain.recipe.path.parent
    path = folder / group / f"{name.removesuffix('.yaml').lstrip('/')}.yaml"
    if path.resolve() in seen:
        chain.findings.append(BAD_DEFAULTS.at(place, f"`{name}` includes itself", "remove it from the defaults list"))
    elif path.is_file():
        included, findings = yaml_lines.load(path)
        chain.findings += findings
        if included is not None and isinstance(included.data, dict):
            if "searchpath" in (included.data.get("hydra") or {}):
                message = f"`hydra.searchpath` may stand in the launched recipe only; {chain.recipe.path} includes this"
                fix = "remove it; `--config-dir` with the recipes' folder keeps veRL's configs on the path"
                chain.findings.append(REFUSED.at(included.place("hydra", "searchpath"), message, fix))
            header = re.match(r"(?:\s*#[^\n]*\n)*?\s*#\s*@package\s+(\S+)", included.text)
            if header:
                package = () if header[1] == "_global_" else tuple(header[1].split("."))
            _follow(chain, included, package, seen | {path.resolve()})
    else:
        verl = config_folder()
        if verl is None or (verl / group / f"{name}.yaml").is_file() or "${" in name:
            chain.base = chain.base if group else name
        else:
            candidates = [p.stem for p in (*folder.glob("*.yaml"), *(verl / group).glob("*.yaml"))]
            fix = did_you_mean(name, candidates, f"put {path.name} beside the recipe, or remove the entry")
            chain.findings.append(BAD_DEFAULTS.at(place, f"no config `{name}` in {folder} nor in veRL", fix))


def _compose(chain: Chain) -> dict[str, Any]:
    folder = config_folder()
    try:
        from hydra import compose, initialize_config_dir
        from hydra.errors import HydraException
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
    except ImportError:
        return {}
    if folder is None:
        return {}
    logging.getLogger("hydra").setLevel(logging.ERROR)
    recipe = chain.recipe.path.resolve()
    try:
        with initialize_config_dir(str(recipe.parent), version_base=None):
            config = compose(recipe.stem, overrides=[f"hydra.searchpath=[file://{folder}]"])
        values = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        key = getattr(error, "full_key", None)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        place = chain.place(key) if key else chain.recipe.place("defaults")
        chain.findings.append(
            REFUSED.at(place, (lines or [type(error).__name__])[0], "correct the value or the defaults list")
        )
        return {}
    return {str(key): value for key, value in values.items()} if isinstance(values, dict) else {}
