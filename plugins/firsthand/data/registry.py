"""dataset_info.json: what LLaMA-Factory reads a data set by. It has a default for every key, and these do not fit our
rows: without `tags` it looks for from and value, without `columns` it drops the system prompt and the history.

`firsthand data register` writes the entries of all releases that can be fine-tuned on, built here or not, so that a
recipe finds its name. What people added stays; where the file holds rows of the native dialect, the column of their
tools and the tag of what tools say are added, since LLaMA-Factory drops the one and skips rows with the other.
"""

from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.data.build.build import FILES, video_file
from firsthand.data.build.catalogue import RELEASES
from firsthand.data.leaks import guard
from firsthand.data.read.data_file import Source, find, is_native, read_entries
from firsthand.data.read.rows import Rows
from firsthand.errors import UserError
from firsthand.media.limits import Limits
from firsthand.recipe.dataset_registry import Dataset, Registry

COLUMNS = {key: key for key in ("messages", "images", "videos")}
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
NATIVE = {"columns": {"tools": "tools"}, "tags": {"observation_tag": "tool"}}
FIRST = 20  # rows of a file that tell its dialect


def entry(file: str, native: bool = False) -> dict[str, Any]:
    """What LLaMA-Factory needs to know of rows that `prompt.sharegpt_row` wrote."""
    described = {"file_name": file, "formatting": "sharegpt", "columns": COLUMNS, "tags": TAGS}
    return _with_tools(described) if native else described


def entries() -> dict[str, dict[str, Any]]:
    """The entries of all releases, by name; frame lists at one rate have a name of their own."""
    found = {}
    for release in RELEASES.values():
        if "sft" in release.inputs:
            found[release.name] = entry(f"datasets/{release.name}/{FILES['sft']}")
            for rate in release.video_rates:
                found[f"{release.name}_video_{rate:g}fps"] = entry(f"datasets/{release.name}/{video_file(rate)}")
    return found


def register(path: Path) -> list[str]:
    """Write the entries; the names of those that were missing or different. A row of a test set stops it."""
    present = read_entries(path) if path.is_file() else {}
    wanted, known = _wanted(present, path.parent), guard.load(path.parent / "datasets")
    for name, described in wanted.items():
        if file := _file(described, path.parent):
            dataset = Dataset(Registry(path), name, described, path.parent)
            guard.refuse(Source(file, "llamafactory", file.parent, Limits(), dataset), known)
    changed = [name for name, described in wanted.items() if present.get(name) != described]
    if changed:
        files.write_json(path, wanted, indent=2)
    return changed


def problems(path: Path) -> list[str]:
    """What is wrong with the registry: our entries, and the first row of every entry whose file is here."""
    present, ours, found = read_entries(path), entries(), []
    for name, wanted in _wanted(present, path.parent).items():
        described = present.get(name)
        if described != wanted:
            what = "is missing" if name not in present else "differs" if name in ours else "says nothing of its tools"
            found.append(f"{name}: {what}; write it with `firsthand data register`")
        elif not isinstance(described, dict):
            found.append(f'{name}: is not a JSON object; write {{"file_name": ...}}')
        elif described.get("formatting") == "sharegpt" and not described.get("tags"):
            found.append(f"{name}: has no tags, so LLaMA-Factory looks for from, value, human and gpt in its rows")
        elif _file(described, path.parent):
            try:
                next(find(name, path.parent).samples(), None)
            except UserError as error:
                found.append(f"{name}: the first row does not fit its entry: {error}")
    return found


def _wanted(present: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Our entries and those of people, with their tools where the rows have some."""
    every = (present | entries()).items()
    return {name: _with_tools(one) if _brings_tools(one, folder) else one for name, one in every}


def _with_tools(described: dict[str, Any]) -> dict[str, Any]:
    """What the entry says already stays."""
    return described | {part: described[part] | keys | described[part] for part, keys in NATIVE.items()}


def _brings_tools(described: Any, folder: Path) -> bool:
    if (file := _file(described, folder)) is None or described.get("formatting") != "sharegpt":
        return False
    if not all(isinstance(described.get(part), dict) for part in NATIVE):
        return False
    with suppress(UserError):  # what is wrong with the file is said where it is read
        return any(is_native(row) for _, row in islice(Rows(file), FIRST))
    return False


def _file(described: Any, folder: Path) -> Path | None:
    """The file of an entry, if it is here."""
    name = described.get("file_name") if isinstance(described, dict) else None
    return folder / name if isinstance(name, str) and (folder / name).is_file() else None
