"""Where Hydra looks for the configs that a veRL recipe inherits, and the whole config that it composes from them.

Hydra gets veRL's config folder as a path: `pkg://verl...` would import veRL, and torch and Ray with it.
"""

import copy
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import yaml

from firsthand.recipe import yaml_lines
from firsthand.recipe.python_source import package_folder
from firsthand.recipe.yaml_lines import Document

SEARCH = "hydra.searchpath="


def config_folder() -> Path | None:
    verl = package_folder("verl")
    folder = verl / "trainer" / "config" if verl else None
    return folder if folder and folder.is_dir() else None


def search_path(data: Any) -> list[str]:
    """`hydra.searchpath` of a recipe; a list of `file://folder`, `pkg://package` or plain folders."""
    hydra = data.get("hydra") if isinstance(data, dict) else None
    entries = hydra.get("searchpath") if isinstance(hydra, dict) else None
    return [entry for entry in entries if isinstance(entry, str)] if isinstance(entries, list) else []


def searched_folders(recipe: Document) -> list[Path]:
    """Where Hydra looks for a file of the defaults list besides veRL: beside the launched recipe, then on its path."""
    return [recipe.path.parent, *filter(None, map(_folder, search_path(recipe.data)))]


def _folder(entry: str) -> Path | None:
    """A folder is relative to the working directory, as in Hydra. A package is found without importing it."""
    scheme, _, name = entry.rpartition("://")
    if scheme in ("", "file"):
        return Path(name)
    top, *inner = name.split(".")
    package = package_folder(top) if scheme == "pkg" else None
    return package.joinpath(*inner) if package else None


def compose(recipe: Path, overrides: Sequence[str] = ()) -> Any:
    """The whole config that veRL gets from `--config-dir FOLDER --config-name NAME` and the overrides."""
    import hydra

    document, _ = yaml_lines.load(recipe)
    typed = [override.removeprefix(SEARCH) for override in overrides if override.startswith(SEARCH)]
    own = yaml.safe_load(typed[-1]) if typed else search_path(document.data if document else None)
    search = f"{SEARCH}{[f'file://{config_folder()}', *own]}"  # it replaces the others, so those are repeated
    with each_text_parsed_once(), hydra.initialize_config_dir(str(recipe.parent.resolve()), version_base=None):
        return hydra.compose(recipe.stem, overrides=[*(o for o in overrides if not o.startswith(SEARCH)), search])


@contextmanager
def each_text_parsed_once() -> Iterator[None]:
    """For one recipe Hydra reads thirty files of veRL, and OmegaConf parses the text of a `${...}` whenever it is
    merged or resolved, a hundred times in all. The next recipe has most of these texts too."""
    from omegaconf import OmegaConf, base

    loader: Any = OmegaConf
    parser: Any = base
    load, parse = loader.load, parser.parse
    own_load, parser.parse = _that_remember()
    loader.load = staticmethod(own_load)
    try:
        yield
    finally:
        loader.load, parser.parse = staticmethod(load), parse


@cache
def _that_remember() -> tuple[Callable[[IO[str]], Any], Callable[[str], Any]]:
    """OmegaConf's two parsers, of an open file (Hydra opens its own) and of a text with `${...}`."""
    from omegaconf import OmegaConf, base

    load = OmegaConf.load
    config = cache(lambda text: load(io.StringIO(text)))
    return lambda file: copy.deepcopy(config(file.read())), cache(base.parse)
