"""How fast rows with images are checked from sizes alone, against opening every image with the processor; and how much
memory LLaMA-Factory's preprocessing really takes, against the estimate.

The rows are made here: one to eight of 300 photos of 1280x720 and a question of 60 words each, as a file of
LLaMA-Factory. The model is a tiny Qwen3-VL with random weights: tokenizer and processor are the real classes. All
numbers are of one run on one machine, so compare the ratios; `cpu` is processor time, which others disturb less.

Example: python bench/data_check.py --rows 50000
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from firsthand.data.check import ram, run
from firsthand.data.check.token_count import Counter
from firsthand.data.read import data_file
from firsthand.data.show import show
from firsthand.toy.tiny_models import base_model, models

PHOTOS, SAMPLE = 300, 40
RECIPE = {
    "stage": "sft", "do_train": True, "finetuning_type": "full", "use_cpu": True, "bf16": False, "dataset": "rows",
    "template": "qwen3_vl_nothink", "cutoff_len": 100_000, "preprocessing_num_workers": 1,
}  # fmt: skip


def make(folder: Path, rows: int) -> Path:
    numbers = np.random.default_rng(0)
    for photo in range(PHOTOS):
        pixels = Image.fromarray(numbers.integers(0, 255, (45, 80, 3), dtype=np.uint8)).resize((1280, 720))
        pixels.save(folder / f"{photo}.jpg", quality=85)
    rng = random.Random(0)
    words = ["the", "cup", "book", "hand", "table", "which", "left", "kitchen", "box", "plant"]
    with (folder / "rows.jsonl").open("w") as handle:
        for number in range(rows):
            images = [f"{rng.randrange(PHOTOS)}.jpg" for _ in range(rng.randint(1, 8))]
            asked = f"{number} " + " ".join(rng.choices(words, k=60)) + " ?\nA. the cup\nB. the book"
            turns = [{"role": "user", "content": "<image>" * len(images) + asked}]
            turns.append({"role": "assistant", "content": "<answer>A</answer>"})
            handle.write(json.dumps({"messages": turns, "images": images}) + "\n")
    return folder / "rows.jsonl"


def cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measure_checks(folder: Path, model: Path, rows: int, workers: int) -> None:
    found = data_file.find(str(make(folder, rows)), folder)
    counter = Counter(str(model))
    began, spent = time.perf_counter(), cpu()
    report = run.check(found, counter, workers)
    seconds, spent = time.perf_counter() - began, cpu() - spent
    assert report.ok, report.kinds
    assert sum(report.lengths.values()) == rows
    print(f"{rows:,} rows on {workers} processes: {seconds:.1f} s, {spent:.1f} s cpu, {rows / seconds:,.0f} rows/s")
    began = cpu()
    for number in range(1, SAMPLE + 1):
        show(found, number, counter, str(model))
    opening = (cpu() - began) / SAMPLE
    print(f"opening every image with the processor: {opening * 1000:.0f} ms cpu a row, {opening * rows / spent:,.0f} x")


def measure_memory(folder: Path, model: Path) -> None:
    """Three data sets, each preprocessed by LLaMA-Factory in a process of its own: nothing, long texts, many pixels."""
    turns = [{"role": "user", "content": "cup " * 2000 + "?"}, {"role": "assistant", "content": "a"}]
    media = [{"role": "user", "content": "<image>" * 60 + "?"}, {"role": "assistant", "content": "a"}]
    short = [{"role": "user", "content": "cup ?"}, {"role": "assistant", "content": "a"}]
    sets = {
        "ten short rows": [{"messages": short, "images": []}] * 10,
        "1,000 rows of 2,000 words": [{"messages": turns, "images": []}] * 1000,
        "60 photos in a row, and a processor that keeps their size": [
            {"messages": media, "images": [f"{photo}.jpg" for photo in range(60)]}
        ]
        * 4,
    }
    config = model / "processor_config.json"
    content = json.loads(config.read_text())
    content["image_processor"]["size"]["longest_edge"] = 1 << 24  # as the real models have it
    config.write_text(json.dumps(content))
    for name, rows in sets.items():
        file = folder / "set.json"
        file.write_text(json.dumps(rows))
        found = data_file.find(str(file), folder)
        report = run.check(found, Counter(str(model)))
        assert report.memory
        done = subprocess.run(
            [sys.executable, __file__, "--preprocess", str(folder), "--model", str(model)],
            capture_output=True, text=True, env=os.environ | {"DISABLE_VERSION_CHECK": "1"}, check=False,
        )  # fmt: skip
        if done.returncode:
            print(done.stderr[-2000:])
            raise SystemExit(1)
        real = int(done.stdout.splitlines()[-1])
        tokens = sum(tokens * count for tokens, count in report.lengths.items())
        print(
            f"{name} ({tokens:,} tokens, {report.pixels:,} pixels at most): {real / 1e9:.2f} GB at the peak, "
            f"estimate {report.memory.peak / 1e9:.2f} GB"
        )
    print(f"the estimate takes {ram.BASE / 1e9} GB, {ram.TOKEN} bytes a token, {ram.PIXEL} bytes a pixel")


def preprocess(folder: Path, model: Path) -> None:
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    entry = {"file_name": "set.json", "formatting": "sharegpt", "tags": tags}
    entry["columns"] = {"messages": "messages", "images": "images"}
    (folder / "dataset_info.json").write_text(json.dumps({"rows": entry}))
    with tempfile.TemporaryDirectory() as out:
        paths = {"dataset_dir": folder, "media_dir": folder, "output_dir": out, "cache_dir": out}
        recipe = RECIPE | {name: str(path) for name, path in paths.items()} | {"model_name_or_path": str(model)}
        model_args, data_args, training_args, _, _ = get_train_args(recipe)
        loaded = load_tokenizer(model_args)
        template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
        get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(max(peaks) * 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="measure LLaMA-Factory's preprocessing too")
    parser.add_argument("--preprocess", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.preprocess:
        preprocess(args.preprocess, args.model)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models.build("qwen3_vl", folder / "model", base_model.corpus([]))
        measure_checks(folder, folder / "model", args.rows, args.workers)
        if args.memory:
            measure_memory(folder, folder / "model")


if __name__ == "__main__":
    main()
