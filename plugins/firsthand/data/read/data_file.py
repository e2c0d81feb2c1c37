"""What is checked: the rows of a file or of a registered name, who reads them, and the limits of that reader.

Without a recipe the reader's own defaults hold. A file of LLaMA-Factory that dataset_info.json knows is read with its
entry there; another one with the entry that its first row calls for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.data.read import readers
from firsthand.data.read.rows import Rows
from firsthand.data.read.sample import Form, Row, Sample, Unreadable, whole
from firsthand.errors import UserError
from firsthand.media.limits import Limits
from firsthand.recipe.dataset_registry import Dataset, Registry


@dataclass(frozen=True)
class Source:
    file: Path
    form: Form
    root: Path
    limits: Limits
    entry: Dataset | None = None  # LLaMA-Factory's

    def read(self, row: Any) -> Sample:
        read = readers.read_verl if self.form == "verl" else readers.read_eval
        try:
            return readers.read_llamafactory(whole(row), self.entry) if self.entry else read(whole(row))
        except (TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
            raise Unreadable(f"a value is not of the form of these rows ({error})") from None

    def samples(self, only: int | None = None) -> Iterator[tuple[int, Sample]]:
        """All rows, or one by its number; a row that cannot be read is an error."""
        for number, row in Rows(self.file):
            if only in (None, number):
                try:
                    yield number, self.read(row)
                except Unreadable as why:
                    raise UserError(f"{self.file}: row {number}: {why}") from None


def find(name: str, dataset_dir: Path, root: Path | None = None, limits: Limits | None = None) -> Source:
    """`name` is a file, or the name of an entry in dataset_info.json."""
    registry = _registry(dataset_dir)
    file = Path(name)
    if name in registry.entries and not file.is_file():
        entry = Dataset(registry, name, registry.entries[name], dataset_dir)
        if entry.file is None:
            raise UserError(f"{registry.path}: `{name}` has no `file_name`; check the file once you have it")
        return _source(entry.file, entry, root, limits)
    if not file.suffix and not file.is_file():
        known = ", ".join(registry.entries) or "no data set"
        raise UserError(f"{name}: neither a file nor an entry of {registry.path}, which knows {known}")
    entries = (Dataset(registry, key, entry, dataset_dir) for key, entry in registry.entries.items())
    known_as = next((entry for entry in entries if entry.file and entry.file.resolve() == file.resolve()), None)
    return _source(file, known_as, root, limits)


def _source(file: Path, entry: Dataset | None, root: Path | None, limits: Limits | None) -> Source:
    rows = [row for _, row in islice(Rows(file), 20) if isinstance(row, dict)]
    if not rows:
        raise UserError(f"{file}: no rows; a row is one JSON object")
    form: Form = "llamafactory" if entry else _form(rows[0])
    if form == "llamafactory" and entry is None:
        entry = Dataset(Registry(file), file.stem, _implied(rows), file.parent)
    limits = limits or Limits()
    if form == "eval":
        limits = replace(limits, image=None, video=None)  # a server knows no budget
    return Source(file, form, root or file.parent, limits, entry)


def read_entries(path: Path) -> dict[str, Any]:
    """What a dataset_info.json says of each data set."""
    entries = files.read_json(path)
    if not isinstance(entries, dict):
        raise UserError(f"{path}: must be a JSON object with an entry a data set")
    return entries


def _registry(folder: Path) -> Registry:
    path = folder / "dataset_info.json"
    registry = Registry(path, entries=read_entries(path) if path.is_file() else {})
    for key, entry in registry.entries.items():
        if not isinstance(entry, dict):
            raise UserError(f'{path}: `{key}` is not a JSON object; write {{"file_name": "..."}}')
    return registry


def _form(row: Row) -> Form:
    if isinstance(row.get("prompt"), list):
        return "verl"
    turns = row.get("messages")
    parts = isinstance(turns, list) and any(isinstance(t, dict) and isinstance(t.get("content"), list) for t in turns)
    if parts or (isinstance(turns, list) and "letters" in row):
        return "eval"
    if turns is not None or "conversations" in row or "instruction" in row:
        return "llamafactory"
    raise UserError(
        f"the rows have {', '.join(row) or 'no columns'}: neither LLaMA-Factory's (messages, conversations or "
        "instruction), nor veRL's (a list called prompt), nor those of `firsthand eval` (messages of parts)"
    )


def is_native(row: Any) -> bool:
    """A row of `prompt.sharegpt_row` with tools: their schemas in a column, what they said in turns of a `tool`."""
    turns = row.get("messages") if isinstance(row, dict) and row.get("tools") else None
    known = ("system", "user", "assistant", "tool")
    return isinstance(turns, list) and all(isinstance(turn, dict) and turn.get("role") in known for turn in turns)


def _implied(rows: list[Row]) -> dict[str, Any]:
    """The entry of dataset_info.json that rows of this kind need."""
    row = rows[0]
    media = {key: key for key in ("images", "videos", "system", "tools") if any(key in other for other in rows)}
    if "instruction" in row:
        history = {"history": "history"} if "history" in row else {}
        names = {"prompt": "instruction", "query": "input", "response": "output"}
        return {"formatting": "alpaca", "columns": names | media | history}
    column = "conversations" if "conversations" in row else "messages"
    turns = row[column]
    openai = isinstance(turns, list) and any(isinstance(turn, dict) and "role" in turn for turn in turns)
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    observation = "tool" if any(map(is_native, rows)) else "observation"
    tags |= {"observation_tag": observation, "function_tag": "function_call", "system_tag": "system"}
    columns = {"messages": column} | media
    return {"formatting": "sharegpt", "columns": columns, **({"tags": tags} if openai else {})}
