"""Whether a recipe fits: its settings, the sums, and what to change where it does not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from firsthand.doctor.fit import egoagent, grpo, sft
from firsthand.doctor.fit.machine import Machine, Need
from firsthand.doctor.fit.rows import Said, largest
from firsthand.errors import UserError
from firsthand.recipe import hydra_chain, hydra_search, load
from firsthand.recipe.yaml_lines import Document, Loader

PRESETS = "+shared@_global_="
Settings = sft.Settings | grpo.Settings | egoagent.Settings


@dataclass(frozen=True)
class Asked:
    """The machine, and what the command line adds to a recipe."""

    machine: Machine
    said: Said
    model: str | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    recipe: str
    asked: Asked
    need: Need
    ways: tuple[tuple[str, Need], ...]  # changes that make it fit, each with what it then needs

    @property
    def fits(self) -> bool:
        return self.need.fits(self.asked.machine)

    @property
    def verdict(self) -> str:
        if self.fits:
            return "fits"
        return f"fits with {self.ways[0][0]}" if self.ways else "does not fit"


def fit(path: Path, asked: Asked) -> Fit | None:
    """None for a file that trains nothing."""
    given = read(path, asked)
    return judge(path, given, asked) if given else None


def read(path: Path, asked: Asked) -> Settings | None:
    """What of a recipe takes memory, on any machine."""
    document = load(path)
    if document.kind == "llamafactory train":
        return _of_llamafactory(document, asked)
    if document.kind == "egoagent":
        return egoagent.settings(path, asked.overrides)
    if document.kind != "verl":
        return None
    get = _values(document, asked.overrides)
    name = get("actor_rollout_ref.model.path")
    return grpo.settings(get, asked.model, _base(name, path)) if isinstance(name, str) else None


def judge(path: Path, given: Settings, asked: Asked) -> Fit:
    room: Any = {sft.Settings: sft, grpo.Settings: grpo, egoagent.Settings: egoagent}[type(given)]
    need: Need = room.need(given, asked.machine)
    ways = [] if need.fits(asked.machine) else _ways(room, given, asked.machine)
    return Fit(str(path), asked, need, tuple((_from_here(path, text), then) for text, then in ways))


def _from_here(recipe: Path, text: str) -> str:
    """Hydra looks for a preset beside the recipe, and has to be told where else."""
    if PRESETS not in text or (recipe.parent / "shared").is_dir():
        return text
    return f"'hydra.searchpath=[file://recipes]' {text}"


def _of_llamafactory(document: Document, asked: Asked) -> sft.Settings:
    changed = dict(_pair(one) for one in asked.overrides)
    document = Document(document.path, document.text, {**document.data, **changed}, document.lines)
    batch, rows = largest(document, asked.said)
    return sft.settings(document.data, batch, rows, asked.model)


def _pair(override: str) -> tuple[str, Any]:
    key, equals, value = override.partition("=")
    if not equals:
        raise UserError(f"--with {override}: write key=value")
    return key, Loader(value).get_single_data()


def _values(document: Document, overrides: Sequence[str]) -> Callable[[str], Any]:
    if not overrides:
        return hydra_chain.follow(document).get
    from omegaconf import OmegaConf

    composed = hydra_search.compose(document.path, overrides)
    return partial(OmegaConf.select, composed)


def _base(name: str, recipe: Path) -> str | None:
    """The model that a folder of ours is trained from: a recipe beside this one, or in a folder near, writes it."""
    near = [*sorted(recipe.parent.glob("*.yaml")), *sorted(recipe.parent.parent.glob("*.yaml"))]
    for other in near + sorted(recipe.parent.parent.glob("*/*.yaml")):
        try:
            values = load(other).data
        except UserError:
            continue
        if isinstance(values, dict) and name in (values.get("output_dir"), values.get("export_dir")):
            return str(values.get("model_name_or_path"))
    return None


def _ways(room: Any, given: Any, machine: Machine) -> list[tuple[str, Need]]:
    """Each single change that is enough; where none is, as few as are enough together."""
    every = [text for text, _ in room.switches(given, machine)]
    enough = [[text] for text in every if _with(room, given, machine, [text]).fits(machine)]
    if not enough and _with(room, given, machine, every).fits(machine):
        needed = every
        for text in every:
            fewer = [one for one in needed if one != text]
            needed = fewer if _with(room, given, machine, fewer).fits(machine) else needed
        enough = [needed]
    return [(" ".join(texts), _with(room, given, machine, texts)) for texts in enough]


def _with(room: Any, given: Any, machine: Machine, texts: Sequence[str]) -> Need:
    for text in texts:
        given = dict(room.switches(given, machine)).get(text, given)
    need: Need = room.need(given, machine)
    return need
