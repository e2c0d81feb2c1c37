"""The largest row that fine-tuning will meet: of the data where they are there, else what the recipe allows."""

from dataclasses import dataclass
from pathlib import Path

from firsthand.data.check.rules.turns import MODEL
from firsthand.data.read.data_file import Source
from firsthand.data.read.sample import Sample
from firsthand.doctor.fit.step import Batch
from firsthand.doctor.rows import Looked, first_rows, look
from firsthand.recipe import llamafactory_facts, model_names, named_files
from firsthand.recipe.dataset_registry import datasets
from firsthand.recipe.limits import of_llamafactory
from firsthand.recipe.values import number
from firsthand.recipe.yaml_lines import Document

CHARACTERS = 3  # of a token; English has four, tags and digits fewer
ANSWER, QUESTION = 1024, 512  # tokens, where no row says it


@dataclass(frozen=True)
class Said:
    """What the user knows of the rows."""

    tokens: int | None = None
    answer: int | None = None
    unseen: bool = False  # the rows are not looked at, also where they are


def largest(document: Document, said: Said) -> tuple[Batch, str]:
    """A micro-batch of the largest rows, and where its numbers come from."""
    of_a_batch = int(number(document.data.get("per_device_train_batch_size")) or 8)
    limit = int(number(document.data.get("cutoff_len")) or 2048)
    found = [] if said.unseen else [one for one in _looked(document) if one.samples]
    seen = max((one.tokens for one in found), default=0)
    text = max((_tokens(sample) for one in found for sample in one.samples), default=0)
    told = max((_tokens(sample, MODEL) for one in found for sample in one.samples), default=0)
    whence = "the largest of the first rows" if found else "as cutoff_len allows"
    if not found:
        text, told = limit, min(limit, ANSWER)
        seen = limit - QUESTION if model_names.family(document.data.get("model_name_or_path")) else 0
        text -= seen
    tokens = min(limit, said.tokens or seen + text)
    told = min(tokens, said.answer or told)
    if said.tokens or said.answer:
        whence = "as told"
    batch = Batch(of_a_batch, tokens, told, min(seen, max(0, tokens - QUESTION)) if seen else 0)
    return batch, f"{of_a_batch} x {tokens:,} tokens, {told:,} of them answers ({whence})"


def _looked(document: Document) -> list[Looked]:
    recipe = of_llamafactory(document)
    template = llamafactory_facts.templates().get(str(document.data.get("template")))
    family = model_names.family(document.data.get("model_name_or_path"))
    side = {"qwen3_vl": 32, "qwen2_vl": 28}.get(template.plugin if template else "", family[1] * 2 if family else 0)
    found = []
    for dataset in datasets(document)[0]:
        if dataset.file is not None and named_files.exists(str(dataset.file)):
            source = Source(dataset.file, "llamafactory", recipe.root or Path(), recipe.limits, dataset)
            found.append(look(source, first_rows(dataset.file), side))
    return found


def _tokens(sample: Sample, roles: object = None) -> int:
    """Tokens of text, of some roles or of all, with eight for the frame of a turn."""
    turns = [turn for turn in sample.turns if roles is None or turn.role in roles]  # type: ignore[operator]
    return sum(len(turn.text) // CHARACTERS + 8 for turn in turns)
