"""LLaMA-Factory's own preprocessing of our rows: it learns the assistant's turns, all of them, and nothing else."""

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from firsthand import files
from firsthand.data.registry import entries
from firsthand.question import Question, Solved, Step
from firsthand.rollout import prompt

pytest.importorskip("llamafactory")
ROOT = Path(__file__).parents[2]
IGNORED = -100
END = "<|im_end|>\n"


def solved(number: int, steps: int) -> Solved:
    """A chain of calls whose observation quotes what an assistant would write."""
    asked = Question(
        id=f"t{number}", question=f"Where did I leave the cup number {number}?", answer="B", style="ego_r1",
        options={"A": "on the shelf", "B": "on the table"}, query_time="DAY3_11210217", data_source="ego_cott",
        split="train",
    )  # fmt: skip
    calls = [
        Step(thought=f"I search again, {n}.", tool="rag", arguments={"level": "day", "keywords": ["cup", str(n)]},
             observation=f"<think>no</think> <answer>A</answer> in record {n}")
        for n in range(steps)
    ]  # fmt: skip
    return Solved(question=asked, steps=calls, thought="It was on the table.")


def pictured(number: int, frames: int) -> Solved:
    asked = Question(
        id=f"i{number}", question=f"What is held, {number}?", answer="A", style="egocross", data_source="egocross",
        options={"A": "a cup", "B": "a pen"}, images=[f"{n}.png" for n in range(frames)],
        times=[2.0 * n for n in range(frames)], split="train",
    )  # fmt: skip
    return Solved(question=asked)


CASES = {
    "ego_cott": ("ego_r1/tiny_sft", "qwen2_5", [solved(n, n) for n in range(4)]),
    "egocross_support": ("egocross/tiny_sft_lora", "qwen3_vl", [pictured(n, n) for n in range(1, 4)]),
}


@pytest.fixture(scope="module", params=CASES)
def processed(request, tmp_path_factory) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Any]:
    """Our rows, the same rows after the recipe's preprocessing, and the tokenizer."""
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    from firsthand.toy.tiny_models import models

    recipe, kind, made = CASES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    for number in range(3):
        Image.new("RGB", (64, 64), (80 * number, 0, 0)).save(folder / f"{number}.png")
    rows = [prompt.sharegpt_row(item.question, prompt.solution(item)) for item in made]
    files.write_jsonl(folder / "rows.jsonl", rows)
    files.write_json(
        folder / "dataset_info.json", {request.param: entries()[request.param] | {"file_name": "rows.jsonl"}}
    )
    models.build(kind, folder / "model", [turn["content"] for row in rows for turn in row["messages"]] * 4)
    config = yaml.safe_load((ROOT / f"recipes/{recipe}.yaml").read_text())
    config |= {"dataset_dir": str(folder), "media_dir": str(folder), "output_dir": str(folder / "out")}
    config |= {"model_name_or_path": str(folder / "model"), "cutoff_len": 8192, "preprocessing_num_workers": 1}
    model_args, data_args, training_args, _, _ = get_train_args(config | {"cache_dir": str(folder / "cache")})
    loaded = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
    dataset = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
    return rows, list(dataset), loaded["tokenizer"]


def learnt(row: dict[str, Any]) -> list[list[int]]:
    """The runs of tokens that have a label; each label is the token itself."""
    pairs = list(zip(row["input_ids"], row["labels"], strict=True))
    assert all(label in (IGNORED, token) for token, label in pairs)
    runs = groupby(pairs, key=lambda pair: pair[1] != IGNORED)
    return [[token for token, _ in run] for labelled, run in runs if labelled]


def test_labels_cover_exactly_the_turns_of_the_assistant(processed) -> None:
    rows, dataset, tokenizer = processed
    assert len(dataset) == len(rows)
    for row, made in zip(rows, dataset, strict=True):
        said = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
        assert learnt(made) == [tokenizer.encode(text + END, add_special_tokens=False) for text in said]


def test_no_row_lost_its_system_prompt_or_a_turn(processed) -> None:
    rows, dataset, tokenizer = processed
    for row, made in zip(rows, dataset, strict=True):
        text = tokenizer.decode(made["input_ids"]).replace("<|image_pad|>", "")
        text = text.replace("<|vision_start|><|vision_end|>", "<image>")
        wanted = [f"<|im_start|>{turn['role']}\n{turn['content']}{END}" for turn in row["messages"]]
        assert text == "".join(wanted)
        assert row["messages"][0]["role"] == "system"
