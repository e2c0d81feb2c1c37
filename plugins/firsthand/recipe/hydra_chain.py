"""A veRL recipe as Hydra sees it: the files of its defaults list, their order, and the composed result.

Hydra composes veRL's own config, but it forgets where a value came from; so the recipe's own files are followed and
merged here, and a finding can name the file and line that must change. Hydra gets veRL's config folder as a path:
`pkg://verl...` would import veRL, and torch and Ray with it.
"""

import logging
import pickle
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from firsthand.findings import RULES, Finding, Place, Rule
from firsthand.recipe import yaml_lines
from firsthand.recipe.hydra_search import config_folder, each_text_parsed_once, searched_folders
from firsthand.recipe.values import did_you_mean
from firsthand.recipe.yaml_lines import Document, KeyPath

REFUSED = RULES["VR005"]
BAD_DEFAULTS = RULES["VR007"]
NO_DEFAULTS = RULES["VR008"]

MAX_FILES = 50  # lists that include each other multiply


@dataclass
class Chain:
    """The recipe's own files in the order in which Hydra merges them: a later one wins."""

    recipe: Document
    files: list[tuple[Document, KeyPath]] = field(default_factory=list)  # with the package each is merged under
    base: str | None = None  # the config of veRL underneath, `ppo_trainer`
    groups: list[str] = field(default_factory=list)  # `model_engine=megatron`: what the recipe chooses inside it
    findings: list[Finding] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        value: Any = self.values
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def report(self, rule: Rule, place: Place, message: str, fix: str) -> None:
        self.findings.append(rule.at(place, message, fix))

    def paths(self, path: str) -> list[str]:
        """The paths of a key that takes one or a list of them."""
        value = self.get(path)
        return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]

    def sets(self, path: str) -> bool:
        """Whether the recipe itself, not veRL's defaults, sets this."""
        key = tuple(path.split("."))
        return any(_inside(key, package) in document.lines for document, package in self.files)

    def place(self, path: str) -> Place:
        """The line that decides the value: the key, or its nearest ancestor, in the file that is merged last."""
        key: KeyPath = tuple(path.split("."))
        best, depth = self.recipe.place(), 0
        for document, package in self.files:
            inside = _inside(key, package)
            found = len(package) + document.depth(inside) if inside else 0
            if found and found >= depth:
                best, depth = document.place(*inside), found
        return Place(best.file, best.line, path)


def _inside(key: KeyPath, package: KeyPath) -> KeyPath:
    """The key as it is written in a file that is merged under the package; empty when it cannot stand there."""
    return key[len(package) :] if key[: len(package)] == package else ()


def follow(recipe: Document) -> Chain:
    chain = Chain(recipe)
    if recipe.path.suffix != ".yaml":
        message = f"Hydra reads *.yaml only, not `{recipe.path.suffix}`"
        chain.report(REFUSED, recipe.place(), message, f"rename it to {recipe.path.stem}.yaml")
    _follow(chain, recipe, (), {recipe.path.resolve()})
    if chain.base is None and not chain.findings and _is_whole(recipe.data):
        message = "a recipe of its own needs veRL's config underneath"
        chain.report(NO_DEFAULTS, recipe.place(), message, "begin with `defaults: [ppo_trainer, _self_]`")
    if chain.base is not None and not chain.findings:
        chain.values = _compose(chain)
    if not chain.values:  # an overlay, a broken list, or no veRL here: what the files themselves say
        for document, package in chain.files:
            chain.values = _merge(chain.values, _under(package, document.data))
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
        fix = "write `defaults: [ppo_trainer, _self_]`"
        chain.report(BAD_DEFAULTS, document.place("defaults"), "`defaults` is not a list", fix)
        entries = []
    own_at = None
    for index, entry in enumerate(entries):
        for key, name in entry.items() if isinstance(entry, dict) else [("", entry)]:
            if name == "_self_" and not key:
                own_at = index
                chain.files.append((document, package))
            elif isinstance(name, str):
                _entry(chain, _Entry(document.place("defaults", index), key, name), package, seen)
    if own_at is None:
        chain.files.append((document, package))
    elif own_at < len(entries) - 1 and document is chain.recipe:
        message = "what follows `_self_` in the defaults list overwrites the recipe's own values"
        chain.report(BAD_DEFAULTS, document.place("defaults", own_at), message, "move `_self_` to the end of the list")


@dataclass(frozen=True)
class _Entry:
    """`name`, `{group: name}`, `{override group: name}` or `{group@package: name}` of a defaults list."""

    place: Place
    key: str
    name: str

    @property
    def group(self) -> str:
        return re.sub(r"^(override|optional)\s+", "", self.key).partition("@")[0].strip("/")

    @property
    def package(self) -> KeyPath:
        written = (self.key if self.key else self.name).partition("@")[2]
        parts = (written or self.group.replace("/", ".")).split(".")
        return () if parts in ([""], ["_global_"]) else tuple(parts)

    @property
    def file(self) -> str | None:
        """Relative to the folders that Hydra searches; None for a name that cannot be one."""
        name = self.name if self.key else self.name.partition("@")[0]
        path = f"{self.group}/{name.removesuffix('.yaml')}.yaml".lstrip("/")
        return path if re.fullmatch(r"[\w./-]{1,200}", path) else None

    @property
    def override(self) -> str:
        """The same choice on Hydra's command line."""
        key = self.key.removeprefix("override ").removeprefix("optional ").strip()
        return f"{key}={self.name}" if self.key.startswith("override ") else f"+{key}={self.name}"


def _entry(chain: Chain, entry: _Entry, package: KeyPath, seen: set[Path]) -> None:
    verl, folders = config_folder(), searched_folders(chain.recipe)
    local = next((folder / entry.file for folder in folders if entry.file and (folder / entry.file).is_file()), None)
    if local is not None:
        _include(chain, entry, local, package, seen)
    elif verl is None or (entry.file and (verl / entry.file).is_file()) or "${" in entry.name:
        _from_verl(chain, entry)
    else:
        beside = [path.stem for folder in (*folders, verl / entry.group) for path in folder.glob("*.yaml")]
        fix = f"put {entry.file} beside the recipe, name its folder in `hydra.searchpath`, or remove the entry"
        message = f"no config `{entry.name}` in {', '.join(map(str, folders))} nor in veRL"
        chain.report(BAD_DEFAULTS, entry.place, message, did_you_mean(entry.name, beside, fix))


def _include(chain: Chain, entry: _Entry, local: Path, package: KeyPath, seen: set[Path]) -> None:
    if local.resolve() in seen or len(chain.files) >= MAX_FILES:
        message = f"`{entry.name}` includes itself" if local.resolve() in seen else f"over {MAX_FILES} files"
        chain.report(BAD_DEFAULTS, entry.place, message, "remove it from the defaults list")
        return
    included, findings = yaml_lines.load(local)
    chain.findings += findings
    if included is None or not isinstance(included.data, dict):
        return
    hydra = included.data.get("hydra")
    if isinstance(hydra, dict) and "searchpath" in hydra:
        message = f"`hydra.searchpath` may stand in the launched recipe only; {chain.recipe.path} includes this"
        fix = "move it to the launched recipe, or remove it"
        chain.report(REFUSED, included.place("hydra", "searchpath"), message, fix)
    header = _package_header(included.text)
    inner = package + entry.package if header is None else header
    _follow(chain, included, inner, seen | {local.resolve()})


def _from_verl(chain: Chain, entry: _Entry) -> None:
    if entry.key:
        chain.groups.append(entry.override)
        return
    chain.base = entry.name
    for document, _ in chain.files:
        if str(document.path) != entry.place.file:
            message = f"`{entry.name}` is merged after {document.path} and overwrites it"
            chain.report(BAD_DEFAULTS, entry.place, message, f"list `{entry.name}` before it")


def _package_header(text: str) -> KeyPath | None:
    """`# @package a.b` in the comments above the first key."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            return None
        if header := re.match(r"\s*#\s*@package\s+(\S+)", line):
            return () if header[1] == "_global_" else tuple(header[1].split("."))
    return None


@cache
def _base(name: str, groups: tuple[str, ...]) -> bytes:
    """veRL's own config, composed by Hydra with the groups that the recipe chooses; once for a folder of recipes."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    logging.getLogger("hydra").setLevel(logging.ERROR)
    with initialize_config_dir(str(config_folder()), version_base=None):
        composed = compose(name, overrides=list(groups))
    OmegaConf.set_struct(composed, False)
    return pickle.dumps(composed)


def _compose(chain: Chain) -> dict[str, Any]:
    try:
        from hydra.errors import HydraException
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException
    except ImportError:
        return {}
    if chain.base is None or config_folder() is None:
        return {}
    try:
        with each_text_parsed_once():
            base = pickle.loads(_base(chain.base, tuple(chain.groups)))  # a deep copy takes four times as long
            files = (OmegaConf.create(_under(package, document.data)) for document, package in chain.files)
            values = OmegaConf.to_container(OmegaConf.unsafe_merge(base, *files), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        place = _blamed(chain, str(error)) or chain.recipe.place("defaults")
        message = (lines or [type(error).__name__])[0]
        chain.report(REFUSED, place, message, "correct the value or the defaults list")
        return {}
    return {str(key): value for key, value in values.items()} if isinstance(values, dict) else {}


def _blamed(chain: Chain, message: str) -> Place | None:
    """The line whose `${...}` holds a name that the message quotes; Hydra itself names the place that reads it."""
    for name in re.findall(r"'([^']+)'", message):
        for document, _ in chain.files:
            for number, line in enumerate(document.text.splitlines(), 1):
                if "${" in line and name in line:
                    return Place(str(document.path), number, name)
    return None


def _under(package: KeyPath, data: dict[str, Any]) -> dict[str, Any]:
    """The values of a file as they are merged: under their package, without what only Hydra reads."""
    values = {key: value for key, value in data.items() if key not in ("defaults", "hydra")}
    for part in reversed(package):
        values = {str(part): values}
    return values
