"""The largest row that fine-tuning will meet: of the data where they are there, else what the recipe allows."""

from collections.abc import Container
from dataclasses import dataclass

from firsthand.data.check.rules.turns import MODEL
from firsthand.data.read.sample import Sample
from firsthand.doctor.fit.step import Batch
from firsthand.doctor.llamafactory.rows import looked
from firsthand.doctor.rows import Looked, first_rows
from firsthand.recipe import model_names, named_files
from firsthand.recipe.dataset_registry import datasets
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
    there = [one for one in datasets(document)[0] if one.file and named_files.exists(str(one.file))]
    return [looked(document, one, one.file, first_rows(one.file)) for one in there if one.file]


def _tokens(sample: Sample, roles: Container[str] = ("system", "user", "tool", *MODEL)) -> int:
    """Tokens of text, of some roles or of all, with eight for the frame of a turn."""
    turns = [turn for turn in sample.turns if turn.role in roles]
    return sum(len(turn.text) // CHARACTERS + 8 for turn in turns)
