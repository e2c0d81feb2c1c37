"""A tiny base model from random weights: drawn rows, one LLaMA-Factory recipe, and a measure of what it can do.

`models/` holds the result, so that a fresh machine starts from something that can learn; this makes it again.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.errors import UserError
from firsthand.rollout import prompt
from firsthand.stages import TWO_THREADS
from firsthand.toy.tiny_models import models
from firsthand.toy.tiny_models.base_rows import VIDEO_FPS, build_base_rows
from firsthand.toy.tiny_models.lending import lend
from firsthand.toy.week import world

ROWS = Path("datasets/toy_base")
RECIPE = Path("recipes/toy/base.yaml")
KINDS = {  # kind -> template
    "qwen3_vl": "qwen3_vl_nothink", "qwen3_5": "qwen3_5_nothink", "qwen2_5_vl": "qwen2_vl", "qwen2_5": "qwen",
}  # fmt: skip
HELD_OUT = 1000  # seed of the rows that the figures are measured on


def corpus(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The text that the tokenizer learns its words from. Answers are cut out of their tags, so that `>A` stays two
    tokens; marks that are tokens by themselves are left out."""
    for row in rows:
        for message in row["messages"]:
            yield from re.split(r"<image>|<video>|</?think>|<answer>.*?</answer>", message["content"])
    for word in world.WORDS:
        yield f" {word} {word}" * 20
    for role in ("system", "user", "assistant", "tool"):
        yield from [f"{role}\n"] * 3000
    call = '<tool>{"name": "rag", "arguments": {"start_time": "DAY1_11094208", "query_time": "DAY1_11094208"}}</tool>'
    marks = f"<answer>\n</answer>\n{call} <information> </information> <0.5 seconds>"
    yield from [f"{prompt.system('choice')} {marks}"] * 200
    yield from [prompt.system(style) for style in prompt.AGENT_STYLES] * 20


def make_random(kind: str, out: Path, rows: list[dict[str, Any]]) -> int:
    return models.build(kind, out, corpus(rows[:4000]))


def draw_rows(kind: str, pictures: int = 9000, videos: int = 3000, texts: int = 4000, seed: int = 1) -> list[dict]:
    if not (ROWS / "rows.json").exists():
        build_base_rows(ROWS, pictures, videos, texts, seed)
    return files.read_json(ROWS / ("texts.json" if kind == "qwen2_5" else "rows.json"))


def train(kind: str, out: Path, work: Path) -> dict[str, Any]:
    """Random weights, the recipe, a bfloat16 copy in `out` and its figures."""
    rows = draw_rows(kind)
    random_model, trained = work / kind / "random", work / kind / "trained"
    if not (random_model / "config.json").exists():
        make_random(kind, random_model, rows)
    letters = work / kind / "letters"
    if kind == "qwen3_5" and not letters.exists():
        lend(out.with_name("tiny_qwen3_vl"), random_model)
    # Letters first and alone: mixed with pictures from the beginning they stay at chance for thousands of steps. Alone
    # they are learnt within a few dozen steps, after a plateau of 500 to 1,000 whose end no loss announces. Reading a
    # sentence out of a record is of the same kind.
    alone = "lr_scheduler_type=constant_with_warmup"
    # Qwen3.5 begins with lent words and eyes, so its stages are short; more epochs have not been tried.
    of_letters, of_all = (1, 1) if kind == "qwen3_5" else (5, 2)
    _run(kind, random_model, letters, "dataset=toy_letters", alone, f"num_train_epochs={of_letters}")
    if kind == "qwen2_5":
        recitals = work / kind / "recitals"
        _run(kind, letters, recitals, "dataset=toy_recitals", alone)
        _run(kind, recitals, trained, "dataset=toy_texts")
    else:
        _run(kind, letters, trained, "dataset=toy_base", f"num_train_epochs={of_all}")
    return finish(trained, random_model, out)


def _run(kind: str, start: Path, out: Path, *overrides: str) -> None:
    if (out / "all_results.json").exists():  # LLaMA-Factory writes it last
        return
    cli = str(Path(sys.executable).with_name("llamafactory-cli"))
    paths = [f"model_name_or_path={start}", f"output_dir={out}", f"template={KINDS[kind]}"]
    command = [cli, "train", str(RECIPE), *paths, *overrides]
    if subprocess.run(command, env={**os.environ, **TWO_THREADS}).returncode:
        raise UserError(f"training stopped; run the same command again to resume. The command was: {' '.join(command)}")


def finish(trained: Path, random_model: Path, out: Path) -> dict[str, Any]:
    """Copy the trained weights to `out` in bfloat16 with everything else that they began with; measure them.

    LLaMA-Factory and transformers rewrite config.json; the one that the model was made with also serves in vLLM.
    """
    import torch

    from firsthand.serving.tower_names import repair
    from firsthand.serving.verify import load_model

    repair(trained)
    model = load_model(trained).to(torch.bfloat16)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(random_model, out)
    model.save_pretrained(out)
    repair(out)
    for name in ("config.json", "generation_config.json"):
        shutil.copy(random_model / name, out / name)
    figures = measure(out)
    files.write_json(out / "figures.json", figures)
    return figures


def measure(model_dir: Path, rows: int = 150) -> dict[str, Any]:
    """Share of drills on fresh frames that the model answers exactly, greedily, by kind of drill."""
    vision = (model_dir / "processor_config.json").exists()
    right: dict[str, list[bool]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_base_rows(folder, rows if vision else 0, rows // 2 if vision else 0, rows, HELD_OUT)
        drawn = files.read_json(folder / ("rows.json" if vision else "texts.json"))
        for kind, wanted, given in _answers(model_dir, drawn[: 3 * rows], folder):
            right[kind].append(wanted == given)
    return {kind: {"n": len(hits), "right": sum(hits)} for kind, hits in sorted(right.items())}


def _answers(model_dir: Path, rows: list[dict[str, Any]], media: Path) -> Iterator[tuple[str, str, str]]:
    """(kind of drill, wanted answer, given answer) of the first drill of every row; frames lie under `media`."""
    import torch
    from transformers import AutoProcessor

    from firsthand.serving.verify import load_model

    processor = AutoProcessor.from_pretrained(model_dir)
    model = load_model(model_dir)
    for row in rows:
        turns = [message for message in row["messages"] if message["role"] != "system"]
        question, wanted = turns[0]["content"], turns[1]["content"]
        if question.startswith("which letters"):  # its answer names options at random: nothing to compare with
            continue
        inputs = _inputs(processor, row, question, media)
        with torch.inference_mode():
            made = model.generate(**inputs, max_new_tokens=128, do_sample=False)
        tokenizer = getattr(processor, "tokenizer", processor)
        given = tokenizer.decode(made[0][inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        yield _kind(row, question), wanted, given


def _kind(row: dict[str, Any], question: str) -> str:
    medium = "image: " if row["images"] else "video: " if row["videos"] else "text: "
    lines = question.replace("<image>", "").replace("<video>", "").split("\n")
    asked = next((line for line in lines if line.endswith("?")), lines[-1])
    return medium + " ".join(asked.split()[:3])


def _inputs(processor: Any, row: dict[str, Any], question: str, root: Path) -> Any:
    import numpy as np
    from PIL import Image

    content: list[dict[str, str]] = []
    media: dict[str, Any] = {}
    if row["images"]:
        content, media = [{"type": "image"}], {"images": [Image.open(root / path) for path in row["images"]]}
    if row["videos"]:
        frames = np.stack([np.asarray(Image.open(root / path)) for path in row["videos"][0]])
        facts = {"fps": VIDEO_FPS, "total_num_frames": len(frames), "frames_indices": list(range(len(frames)))}
        content = [{"type": "video"}]
        media = {"videos": [frames], "video_metadata": [facts], "do_sample_frames": False}
    content.append({"type": "text", "text": question.replace("<image>", "").replace("<video>", "")})
    turns = [{"role": "user", "content": content}]
    text = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return processor(text=[text], return_tensors="pt", **media)
