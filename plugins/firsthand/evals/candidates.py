"""A candidate of a cross-validation: its recipe, how it is trained without one fold, how its questions are asked.

A recipe of LLaMA-Factory learns from rows that are rendered here. A veRL recipe names its rows, and a fold is a choice
of them; what is held out is asked in their words, with their frames, as long an answer as in training.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import yaml

from firsthand import files
from firsthand.data import registry
from firsthand.data.read.rows import Rows
from firsthand.errors import UserError
from firsthand.question import Question, Solved
from firsthand.recipe import hydra_chain, load
from firsthand.recipe.limits import of_verl
from firsthand.recipe.yaml_lines import Document
from firsthand.rollout import prompt
from firsthand.serving.verl_checkpoint import LATEST
from firsthand.stages import Stage

BIN = Path(sys.executable).parent
NEEDED = ("model_name_or_path", "template", "finetuning_type")
MODEL, ROWS = "actor_rollout_ref.model.path", "data.train_files"

Parts = list[list[Question]]  # what is held out in each fold


class Candidate(Protocol):
    name: str
    start: str  # the model that its training begins with
    baseline: str  # that model's name in the table, where it is asked as the candidate is
    rows: Path  # folder with what is asked: all.jsonl, held_out_0.jsonl, ...
    asking: list[str]  # options of `firsthand eval run`

    def write(self, parts: Parts) -> None:
        """The rows of each fold."""

    def training(self, fold: int, folder: Path, media_root: Path) -> tuple[list[Stage], Path]:
        """The stages that train on all other folds, and the model that they make."""


def candidate(recipe: Path, out: Path) -> Candidate:
    document = load(recipe)
    return OfVerl(document, out) if document.kind == "verl" else OfLlamaFactory(document, out)


class OfLlamaFactory:
    baseline = "base"
    asking: list[str] = []

    def __init__(self, document: Document, out: Path):
        self.values: dict[str, Any] = document.data if isinstance(document.data, dict) else {}
        if missing := [key for key in NEEDED if not self.values.get(key)]:
            fix = "give recipes of `llamafactory-cli train` or veRL"
            raise UserError(f"{document.path}: {', '.join(missing)} is missing; {fix}")
        self.name, self.start, self.rows = document.path.stem, self.values["model_name_or_path"], out / "folds"

    def write(self, parts: Parts) -> None:
        for fold in range(len(parts)):
            rows = [prompt.sharegpt_row(one, prompt.solution(Solved(question=one))) for one in _taught(parts, fold)]
            files.write_jsonl(self.rows / f"train_{fold}.jsonl", rows)
        _write_asked(self.rows, parts)
        entries = {f"fold_{fold}": registry.entry(f"train_{fold}.jsonl") for fold in range(len(parts))}
        files.write_json(self.rows / "dataset_info.json", entries)

    def training(self, fold: int, folder: Path, media_root: Path) -> tuple[list[Stage], Path]:
        trained = folder / "trained"
        own = {"dataset_dir": str(self.rows), "dataset": f"fold_{fold}", "media_dir": str(media_root)}
        own |= {"output_dir": str(trained), "save_strategy": "no"}
        lora, taught = self.values["finetuning_type"] == "lora", _write(folder / "train.yaml", self.values | own)
        train = Stage(
            "train",
            [str(BIN / "llamafactory-cli"), "train", str(taught)],
            reads=[taught, self.rows / f"train_{fold}.jsonl"],
            makes=[trained / ("adapter_config.json" if lora else "config.json")],
            resumes=[trained],
            says="on the other folds",
            env={"FORCE_TORCHRUN": "1"} if self.values.get("deepspeed") else {},
        )
        return ([train, self._merge(folder)], folder / "merged") if lora else ([train], trained)

    def _merge(self, folder: Path) -> Stage:
        keys = {key: self.values[key] for key in ("model_name_or_path", "template")}
        keys |= {"adapter_name_or_path": str(folder / "trained"), "export_dir": str(folder / "merged")}
        merge = _write(folder / "merge.yaml", keys | {"export_legacy_format": False, "export_device": "cpu"})
        return _export(merge, [], folder / "merged", reads=[merge])


class OfVerl:
    def __init__(self, document: Document, out: Path):
        self.path, self.chain = document.path, hydra_chain.follow(document)
        self.name, self.start, rows = self.path.stem, self.chain.get(MODEL), self.chain.paths(ROWS)
        if not isinstance(self.start, str) or len(rows) != 1 or not rows[0].endswith(".parquet"):
            raise UserError(
                f"{self.path}: {MODEL} and one parquet of {ROWS} are needed; the folds are made of its rows"
            )
        self.baseline, self.rows, self.source = f"base-{self.name}", out / "folds" / self.name, Path(rows[0])
        self.asking = self._asking()

    def _asking(self) -> list[str]:
        """All frames of a row, in the sizes of training, and room for a thought."""
        limits = of_verl(self.chain).limits
        asked = {
            "--frames": "full",
            "--max-tokens": self.chain.get("data.max_response_length"),
            "--max-model-len": self.chain.get("actor_rollout_ref.rollout.max_model_len"),
            "--max-image-tokens": self.chain.get("data.max_prompt_length"),
        }
        if limits.image:
            asked |= dict(zip(("--min-pixels", "--max-pixels"), limits.image, strict=True))
        return [str(word) for option, value in asked.items() if value for word in (option, value)]

    def write(self, parts: Parts) -> None:
        import pyarrow.parquet as pq

        rows = {(row.get("extra_info") or {}).get("id"): (n, row) for n, (_, row) in enumerate(Rows(self.source))}
        if absent := [one.id for part in parts for one in part if one.id not in rows]:
            fix = "build both from one release: `firsthand data build NAME --for rl --for eval`"
            raise UserError(f"{self.source}: no row has the id {absent[0]!r} ({len(absent)} are missing); {fix}")
        table = pq.read_table(self.source)
        for fold in range(len(parts)):
            places = sorted(rows[one.id][0] for one in _taught(parts, fold))
            with files.replacing(self._taught(fold)) as partial:
                pq.write_table(table.take(places), partial)
        _write_asked(self.rows, [[_as_trained(one, rows[one.id][1]) for one in part] for part in parts])

    def _taught(self, fold: int) -> Path:
        return self.rows / f"train_{fold}.parquet"

    def training(self, fold: int, folder: Path, media_root: Path) -> tuple[list[Stage], Path]:
        trained, merged, taught = folder / "trained", folder / "merged", self._taught(fold)
        command = [
            str(BIN / "python"), "-m", "verl.trainer.main_ppo",
            "--config-dir", str(self.path.parent), "--config-name", self.path.stem,
            f"{ROWS}={taught}", f"data.val_files={taught}", f"++data.media.root={media_root}",
            f"trainer.default_local_dir={trained}", "trainer.val_before_train=False", "trainer.test_freq=-1",
            f"hydra.run.dir={folder}/hydra",
        ]  # fmt: skip
        train = Stage(
            "train", command, reads=[*(document.path for document, _ in self.chain.files), taught],
            makes=[trained / LATEST], resumes=[trained], says="reinforcement on the other folds",
        )  # fmt: skip
        export = _export(trained, ["--base", self.start, "--out", merged], merged, reads=[])
        return [train, export], merged


def _taught(parts: Parts, fold: int) -> list[Question]:
    return [question for number, part in enumerate(parts) if number != fold for question in part]


def _write_asked(folder: Path, parts: Parts) -> None:
    for fold, held_out in enumerate(parts):
        files.write_jsonl(folder / f"held_out_{fold}.jsonl", map(prompt.eval_row, held_out))
    everything = [prompt.eval_row(question) for part in parts for question in part]
    files.write_jsonl(folder / "all.jsonl", everything)


def _as_trained(question: Question, row: Mapping[str, Any]) -> Question:
    """With the instructions and the frames of its row of veRL; the row has no times beside its prompt."""
    shown, times = Question.from_verl(row, question.style), dict(zip(question.images, question.times, strict=False))
    changed: dict[str, Any] = {name: getattr(shown, name) for name in ("images", "video", "fps", "video_file")}
    changed["times"] = [times[path] for path in shown.images if path in times]
    changed["system"] = next((turn["content"] for turn in row["prompt"] if turn["role"] == "system"), None)
    return question.model_copy(update=changed)


def _export(source: Path, words: list[str | Path], merged: Path, reads: list[Path]) -> Stage:
    command, says = [str(BIN / "firsthand"), "export", str(source), *map(str, words)], "as one model, with its proof"
    return Stage("export", command, reads=reads, makes=[merged / "config.json"], says=says)


def _write(path: Path, content: dict[str, Any]) -> Path:
    files.write_text(path, yaml.safe_dump(content, sort_keys=False))
    return path
