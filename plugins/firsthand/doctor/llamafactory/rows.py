"""The first rows of a LLaMA-Factory data set against its entry and the recipe.

Rows that do not fit are skipped with a warning among thousands of lines, or stop the run at the first batch.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from firsthand.data.check.rules.placeholders import COUNT, SYSTEM
from firsthand.data.check.rules.turns import MODEL, ORDER
from firsthand.data.read.data_file import Source
from firsthand.data.read.media_headers import MISSING, OUTSIDE
from firsthand.data.read.sample import FORM, Sample
from firsthand.doctor.agent_templates import without_thoughts, without_tools
from firsthand.doctor.qwen3_5 import is_qwen3_5
from firsthand.doctor.rows import Code, Looked, Row, first_rows, look
from firsthand.errors import UserError
from firsthand.findings import RULES, Finding, Rule
from firsthand.recipe import llamafactory_facts, model_names, named_files
from firsthand.recipe.chat_templates import Template
from firsthand.recipe.dataset_registry import TAGS, Dataset, datasets
from firsthand.recipe.limits import of_llamafactory
from firsthand.recipe.yaml_lines import Document

WRONG_TAGS = RULES["LF023"]
NO_COLUMN = RULES["LF024"]
UNMAPPED = RULES["LF025"]
NO_MEDIA = RULES["LF026"]
MISCOUNTED = RULES["LF027"]
UNSEEN = RULES["LF028"]
SKIPPED = RULES["LF029"]
TOO_SHORT = RULES["LF030"]
FRAME_RATE = RULES["LF032"]
MASKED = RULES["LF033"]
FAULTY = RULES["LF038"]
UNSUITABLE = RULES["LF039"]

OPENAI_STYLE = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


def check(document: Document) -> Iterator[Finding]:
    found, findings = datasets(document)
    yield from findings
    for dataset in found:
        if dataset.file is None:
            yield UNSEEN.at(dataset.place(), f"`{dataset.name}` is not a local file", "none needed")
        elif not named_files.exists(str(dataset.file)):
            yield from _without_rows(dataset)
        else:
            try:
                yield from _rows(document, dataset, dataset.file)
            except UserError as error:
                yield UNSEEN.at(dataset.place("file_name"), str(error), "correct what the message names")


def _rows(document: Document, dataset: Dataset, file: Path) -> Iterator[Finding]:
    rows = first_rows(file)
    misfits = [*_columns(dataset, rows), *(_tags(dataset, rows) if dataset.formatting != "alpaca" else ())]
    yield from misfits
    if misfits:
        return
    seen = looked(document, dataset, file, rows)
    yield from seen.findings(_codes(document, dataset), Code(FAULTY, dataset.place("file_name")))
    yield from seen.too_long(TOO_SHORT, document.place("cutoff_len"))
    yield from _of_the_recipe(document, dataset, seen.samples)


def looked(document: Document, dataset: Dataset, file: Path, rows: list[Row]) -> Looked:
    """The rows as the recipe reads them, and the tokens of their media."""
    recipe = of_llamafactory(document)
    template = llamafactory_facts.templates().get(str(document.data.get("template")))
    plugin, family = template.plugin if template else "", model_names.family(document.data.get("model_name_or_path"))
    side = {"qwen3_vl": 32, "qwen2_vl": 28}.get(plugin, family[1] * 2 if family else 0)
    source = Source(file, "llamafactory", recipe.root or Path(), recipe.limits, dataset)
    return look(source, rows, side, stamps=plugin == "qwen3_vl")


def _codes(document: Document, dataset: Dataset) -> dict[Rule, Code]:
    rows, root = (
        dataset.place("file_name"),
        document.place("media_dir" if "media_dir" in document.data else "dataset_dir"),
    )
    fix = "write `media_dir:` with the folder that the rows' paths start from"
    return {
        FORM: Code(UNSEEN, rows),
        ORDER: Code(SKIPPED if dataset.formatting == "sharegpt" else UNSEEN, rows),
        COUNT: Code(MISCOUNTED, rows),
        SYSTEM: Code(MISCOUNTED, rows),
        MISSING: Code(NO_MEDIA, root, fix),
        OUTSIDE: Code(replace(NO_MEDIA, level="warning"), root, fix),  # LLaMA-Factory itself opens any path
    }


def _of_the_recipe(document: Document, dataset: Dataset, samples: list[Sample]) -> Iterator[Finding]:
    if "video_fps" not in document.data and any(video.frames for sample in samples for video in sample.videos):
        fix = "write `video_fps:` with the rate at which the frames were sampled"
        yield FRAME_RATE.at(document.place("dataset"), f"`{dataset.name}` holds frame lists", fix)
    most = max((sum(turn.role in MODEL for turn in sample.turns) for sample in samples), default=0)
    if document.data.get("mask_history") is True and most > 1:
        message = f"rows of `{dataset.name}` have up to {most} turns of the model; only the last is learnt"
        yield MASKED.at(document.place("mask_history"), message, "write `mask_history: false`")
    template, place = Template(document.data.get("model_name_or_path")), document.place("model_name_or_path")
    native = any(sample.tools for sample in samples)
    for message, fix in without_tools(template, "native" if native else "ego_r1"):
        yield UNSUITABLE.at(place, f"{message} (`{dataset.name}`)", fix)
    if is_qwen3_5(document.data.get("model_name_or_path")) and any(map(_calls_in_json, samples)):
        message = f"`{dataset.name}` calls tools in JSON, and Qwen3.5 is told to write <function=...>"
        fix = "none needed: both are read, and the model learns JSON; for its own form write the calls as it does"
        yield UNSUITABLE.at(place, message, fix, level="info")
    if any(map(_thinks_early, samples)):
        for message, fix in without_thoughts(template, "native" if native else "ego_r1"):
            yield UNSUITABLE.at(place, f"{message} (`{dataset.name}`)", fix)


def _calls_in_json(sample: Sample) -> bool:
    spoken = "".join(turn.text for turn in sample.turns if turn.role in MODEL)
    return bool(sample.tools) and re.search(r"<tool_call>\s*\{", spoken) is not None


def _thinks_early(sample: Sample) -> bool:
    """There is a thought in another turn of the model than its last one."""
    spoken = [turn.text for turn in sample.turns if turn.role in MODEL]
    return any("<think>" in text for text in spoken[:-1])


def _without_rows(dataset: Dataset) -> Iterator[Finding]:
    if dataset.formatting != "alpaca" and "tags" not in dataset.entry and dataset.columns["messages"] == "messages":
        message = "no `tags`, and a column called messages usually holds role/content turns"
        yield WRONG_TAGS.at(dataset.place("columns"), message, _tags_fix(OPENAI_STYLE), level="warning")


def _tags_fix(tags: dict[str, str]) -> str:
    return 'add "tags": {' + ", ".join(f'"{key}": "{value}"' for key, value in tags.items()) + "}"


def _columns(dataset: Dataset, rows: list[Row]) -> Iterator[Finding]:
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


def _tags(dataset: Dataset, rows: list[Row]) -> Iterator[Finding]:
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
