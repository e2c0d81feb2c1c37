"""dataset_info.json: what LLaMA-Factory reads a data set by. It has a default for every key, and those fit no row of
ours: without `tags` it looks for from and value, without `columns` it drops the system prompt and the history.

`firsthand data register` writes the entries of all releases that can be fine-tuned on, built here or not, so that a
recipe finds its name; what people added stays as it is.
"""

from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.data import guard
from firsthand.data.build import FILES, video_file
from firsthand.data.catalogue import RELEASES
from firsthand.data.check.samples import Unreadable
from firsthand.data.check.source import find
from firsthand.data.check.stream import Broken, Rows
from firsthand.errors import UserError

COLUMNS = {key: key for key in ("messages", "images", "videos")}
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def entries() -> dict[str, dict[str, Any]]:
    """The entries of all releases, by name; frame lists at one rate have a name of their own."""
    found = {}
    for release in RELEASES.values():
        if "sft" in release.inputs:
            found[release.name] = _entry(release.name, FILES["sft"])
            for rate in release.video_rates:
                found[f"{release.name}_video_{rate:g}fps"] = _entry(release.name, video_file(rate))
    return found


def _entry(name: str, file: str) -> dict[str, Any]:
    return {"file_name": f"datasets/{name}/{file}", "formatting": "sharegpt", "columns": COLUMNS, "tags": TAGS}


def register(path: Path) -> list[str]:
    """Write the entries; the names of those that were missing or different. A row of a test set stops it."""
    present = _read(path) if path.is_file() else {}
    known = guard.load(path.parent / "datasets")
    for entry in (present | entries()).values():
        file = path.parent / str(entry.get("file_name") if isinstance(entry, dict) else "")
        if file.is_file():
            guard.refuse(find(str(file), path.parent), known)
    changed = [name for name, entry in entries().items() if present.get(name) != entry]
    if changed:
        files.write_json(path, present | entries(), indent=2)
    return changed


def problems(path: Path) -> list[str]:
    """What is wrong with the registry: our entries, and the first row of every entry whose file is here."""
    present = _read(path)
    found = [
        f"{name}: {'differs' if name in present else 'is missing'}; write it with `firsthand data register`"
        for name, entry in entries().items()
        if present.get(name) != entry
    ]
    for name, entry in present.items():
        if not isinstance(entry, dict):
            found.append(f'{name}: is no JSON object; write {{"file_name": ...}}')
        elif entry.get("formatting") == "sharegpt" and not entry.get("tags"):
            found.append(f"{name}: has no tags, so LLaMA-Factory looks for from, value, human and gpt in its rows")
        elif isinstance(file := entry.get("file_name"), str) and (path.parent / file).is_file():
            found += [f"{name}: {reason}" for reason in _first_row(name, path.parent)]
    return found


def _first_row(name: str, folder: Path) -> list[str]:
    try:
        source = find(name, folder)
        for number, row in Rows(source.file):
            if isinstance(row, Broken):
                return [f"row {number}: {row.why}"]
            source.read(row)
            break
    except (Unreadable, UserError) as error:
        return [f"the first row does not fit its entry: {error}"]
    return []


def _read(path: Path) -> dict[str, Any]:
    present = files.read_json(path)
    if not isinstance(present, dict):
        raise UserError(f"{path}: must be a JSON object with an entry a data set")
    return present
