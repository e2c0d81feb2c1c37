"""The first rows of a LLaMA-Factory data set against its entry and the recipe.

Rows that do not fit are skipped with a warning among thousands of lines, or stop the run at the first batch.
"""

from collections.abc import Iterator
from typing import Any

from firsthand.doctor.llamafactory import media
from firsthand.doctor.rows import Unreadable, first_rows
from firsthand.findings import Finding, rule
from firsthand.recipe import named_files
from firsthand.recipe.dataset_registry import TAGS, Dataset, datasets
from firsthand.recipe.yaml_lines import Document

WRONG_TAGS = rule(
    "LF023",
    "error",
    "the tags do not fit the rows",
    "Without `tags`, LLaMA-Factory looks for from/value/human/gpt: KeyError, or every row is skipped.",
)
NO_COLUMN = rule("LF024", "error", "a column that the rows do not have", "KeyError while the data set is converted.")
UNMAPPED = rule(
    "LF025", "warning", "a column that is not mapped", "Its content (a system prompt, images) never reaches the model."
)
UNSEEN = rule(
    "LF028", "info", "rows were not looked at", "The checks of rows, media and length did not run on this data set."
)
SKIPPED = rule(
    "LF029",
    "error",
    "rows that would be skipped",
    "Turns must alternate from the user's to the model's; others are dropped.",
)
MASKED = rule(
    "LF033",
    "warning",
    "mask_history on trajectories",
    "Only the last turn of each row is learnt: none of the tool calls before it.",
)

OPENAI_STYLE = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


def check(document: Document) -> Iterator[Finding]:
    found, findings = datasets(document)
    yield from findings
    for dataset in found:
        if dataset.file is None:
            yield UNSEEN.at(dataset.place(), f"`{dataset.name}` is not a local file", "none needed")
            continue
        if not named_files.exists(str(dataset.file)):
            yield from _without_rows(dataset)
            continue
        try:
            rows = first_rows(dataset.file)
        except Unreadable as error:
            yield UNSEEN.at(dataset.place("file_name"), f"{dataset.file}: {error}", "check the file")
            continue
        yield from _columns(dataset, rows)
        if dataset.formatting in ("sharegpt", "openai"):
            yield from _turns(document, dataset, rows)
        yield from media.check(document, dataset, rows)


def _without_rows(dataset: Dataset) -> Iterator[Finding]:
    if dataset.formatting != "alpaca" and "tags" not in dataset.entry and dataset.columns["messages"] == "messages":
        message = "no `tags`, and a column called messages usually holds role/content turns"
        yield WRONG_TAGS.at(dataset.place("columns"), message, _tags_fix(OPENAI_STYLE), level="warning")


def _tags_fix(tags: dict[str, str]) -> str:
    return 'add "tags": {' + ", ".join(f'"{key}": "{value}"' for key, value in tags.items()) + "}"


def _columns(dataset: Dataset, rows: list[dict[str, Any]]) -> Iterator[Finding]:
    if not rows:
        return
    present = set().union(*rows)
    for key, column in dataset.columns.items():
        explicit = key in (dataset.entry.get("columns") or {})
        if explicit and isinstance(column, str) and column not in present:
            message = f"`{column}` is in none of the first {len(rows)} rows; they have {', '.join(sorted(present))}"
            yield NO_COLUMN.at(dataset.place("columns", key), message, f"name the column that holds the {key}")
    needed = "messages" if dataset.formatting != "alpaca" else "prompt"
    if dataset.columns[needed] not in present and needed not in (dataset.entry.get("columns") or {}):
        message = f"no column for `{needed}`: rows have {', '.join(sorted(present))}"
        yield NO_COLUMN.at(dataset.place("columns"), message, f'add "{needed}" to "columns"')
    mapped = set(dataset.columns.values())
    for column in sorted(present & {"system", "history", "tools", "images", "videos", "audios"} - mapped):
        if any(row.get(column) for row in rows):
            message = f"the rows' `{column}` is not in `columns`: it is dropped"
            yield UNMAPPED.at(dataset.place("columns"), message, f'add "{column}": "{column}" to "columns"')


def _turns(document: Document, dataset: Dataset, rows: list[dict[str, Any]]) -> Iterator[Finding]:
    tags, column = dataset.tags, dataset.columns["messages"]
    conversations = [turns for row in rows if isinstance(turns := row.get(column or ""), list) and turns]
    first = next((turns[0] for turns in conversations if isinstance(turns[0], dict)), None)
    if first is None:
        return
    section = "tags" if "tags" in dataset.entry else "columns"
    if tags["role_tag"] not in first or tags["content_tag"] not in first:
        style = OPENAI_STYLE if "role" in first else {key: value for key, value in TAGS.items() if key in OPENAI_STYLE}
        wanted = f"`{tags['role_tag']}` and `{tags['content_tag']}`"
        message = f"turns have the keys {', '.join(map(str, first))}, not {wanted}"
        yield WRONG_TAGS.at(dataset.place(section), message, _tags_fix(style))
        return
    known = {value for key, value in tags.items() if key not in ("role_tag", "content_tag")}
    roles = {str(turn.get(tags["role_tag"])) for turns in conversations for turn in turns if isinstance(turn, dict)}
    for role in sorted(roles - known):
        yield WRONG_TAGS.at(dataset.place(section), f"no tag for the role `{role}`", f"name `{role}` in `tags`")
    if roles <= known and dataset.formatting == "sharegpt":
        yield from _alternation(dataset, conversations)
    model = {tags["assistant_tag"], tags["function_tag"]}
    most = max(
        sum(str(turn.get(tags["role_tag"])) in model for turn in turns if isinstance(turn, dict))
        for turns in conversations
    )
    if document.data.get("mask_history") is True and most > 1:
        message = f"rows of `{dataset.name}` have up to {most} turns of the model; only the last is learnt"
        yield MASKED.at(document.place("mask_history"), message, "write `mask_history: false`")


def _alternation(dataset: Dataset, conversations: list[list[Any]]) -> Iterator[Finding]:
    tags = dataset.tags
    sides = {tags["user_tag"]: 0, tags["observation_tag"]: 0, tags["assistant_tag"]: 1, tags["function_tag"]: 1}
    bad = []
    for number, turns in enumerate(conversations, 1):
        roles = [str(turn.get(tags["role_tag"])) if isinstance(turn, dict) else None for turn in turns]
        roles = roles[1:] if roles[0] == tags["system_tag"] else roles
        if len(roles) % 2 or any(sides.get(role) != index % 2 for index, role in enumerate(roles)):
            bad.append(number)
    if bad and not dataset.entry.get("ranking"):
        message = f"{len(bad)} of the first {len(conversations)} rows do not alternate (first: row {bad[0]})"
        fix = "start with the user and alternate, ending with the model"
        yield SKIPPED.at(dataset.place("file_name"), message, fix)
