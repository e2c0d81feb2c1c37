"""dataset_info.json: LLaMA-Factory reads every key with a default, so a misspelt one is silently another data set."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import named_files
from firsthand.recipe.values import did_you_mean, names
from firsthand.recipe.yaml_lines import Document

REGISTRY = RULES["LF020"]
UNREGISTERED = RULES["LF021"]
ENTRY_KEY = RULES["LF022"]

SOURCES = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name", "file_name")
ENTRY = (*SOURCES, "formatting", "ranking", "subset", "split", "folder", "num_samples", "columns", "tags")
COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "history": None,
    "messages": "conversations",
    "system": None,
    "tools": None,
    "images": None,
    "videos": None,
    "audios": None,
    "chosen": None,
    "rejected": None,
    "kto_tag": None,
}
TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
FORMATS = ("alpaca", "sharegpt", "openai")


@dataclass
class Registry:
    path: Path
    text: str = ""
    entries: dict[str, Any] = field(default_factory=dict)

    def place(self, *keys: str) -> Place:
        """The line of a nested key: each is looked for after the one before it."""
        position = 0
        for key in keys:
            found = re.compile(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:").search(self.text, position)
            position = found.start() if found else position
        return Place(str(self.path), self.text.count("\n", 0, position) + 1, ".".join(keys))


@dataclass
class Dataset:
    """One registered data set with LLaMA-Factory's defaults filled in the way it fills them."""

    registry: Registry
    name: str
    entry: dict[str, Any]
    folder: Path

    @property
    def formatting(self) -> str:
        return self.entry.get("formatting", "alpaca")

    @property
    def columns(self) -> dict[str, str | None]:
        return self._filled("columns", COLUMNS)

    @property
    def tags(self) -> dict[str, str | None]:
        return self._filled("tags", TAGS)

    def _filled(self, section: str, defaults: dict[str, Any]) -> dict[str, Any]:
        """Once the section exists, what it does not name is None, not the default."""
        given = self.entry.get(section)
        if not isinstance(given, dict):
            return defaults
        return {key: value if isinstance(value := given.get(key), str) else None for key in defaults}

    def place(self, *keys: str) -> Place:
        return self.registry.place(self.name, *keys)

    @property
    def file(self) -> Path | None:
        name = self.entry.get("file_name")
        return self.folder / name if isinstance(name, str) else None


def datasets(document: Document) -> tuple[list[Dataset], list[Finding]]:
    """The data sets that the recipe trains and evaluates on, with what is wrong about their registration."""
    wanted = [(key, name) for key in ("dataset", "eval_dataset") for name in names(document.data.get(key))]
    folder = document.data.get("dataset_dir", "data")
    if not wanted or not isinstance(folder, str) or folder == "ONLINE" or folder.startswith("REMOTE:"):
        return [], []
    registry, problem = _load(Path(folder) / "dataset_info.json")
    if problem:
        fix = "point `dataset_dir` at the folder of dataset_info.json"
        return [], [REGISTRY.at(document.place("dataset_dir"), f"{registry.path}: {problem}", fix)]
    found, findings = [], []
    for key, name in wanted:
        entry = registry.entries.get(name)
        if entry is None:
            fix = did_you_mean(name, registry.entries, f"register it in {registry.path}")
            findings.append(UNREGISTERED.at(document.place(key), f"`{name}` is not in {registry.path}", fix))
        elif not isinstance(entry, dict):
            fix = 'write {"file_name": "..."}'
            findings.append(ENTRY_KEY.at(registry.place(name), f"`{name}` is not a JSON object", fix))
        else:
            dataset = Dataset(registry, name, entry, Path(folder))
            found.append(dataset)
            findings += _entry(dataset, document.path)
    return found, findings


def _load(path: Path) -> tuple[Registry, str | None]:
    registry = Registry(path)
    try:
        registry.text = path.read_text(encoding="utf-8")
        registry.entries = json.loads(registry.text)
    except FileNotFoundError:
        return registry, "no such file"
    except (OSError, ValueError, RecursionError) as error:
        return registry, f"cannot be read ({error})"
    return registry, None if isinstance(registry.entries, dict) else "not a JSON object"


def _entry(dataset: Dataset, recipe: Path) -> Iterator[Finding]:
    entry = dataset.entry
    for key in entry:
        if key not in ENTRY:
            fix = "write `formatting`" if key == "format" else did_you_mean(key, ENTRY, "remove it")
            yield ENTRY_KEY.at(dataset.place(key), f"`{key}` is ignored by LLaMA-Factory", fix)
    for section, known in (("columns", COLUMNS), ("tags", TAGS)):
        given = entry.get(section, {})
        if not isinstance(given, dict):
            yield ENTRY_KEY.at(dataset.place(section), f"`{section}` is not a JSON object", "write it as {...}")
            continue
        for key in given:
            if key not in known:
                fix = did_you_mean(key, known, f"one of: {', '.join(known)}")
                yield ENTRY_KEY.at(dataset.place(section, key), f"`{section}.{key}` is ignored", fix)
    if dataset.formatting not in FORMATS:
        message = f"formatting `{dataset.formatting}` does not exist"
        yield ENTRY_KEY.at(dataset.place("formatting"), message, f"one of: {', '.join(FORMATS)}")
    if not any(source in entry for source in SOURCES):
        yield ENTRY_KEY.at(dataset.place(), "the entry names no data", 'add "file_name"')
    if dataset.file is not None:
        yield from named_files.missing(dataset.place("file_name"), str(dataset.file), recipe)
