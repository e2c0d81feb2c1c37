"""EgoAgent in its small world: rounds, shards, both stages of training, every baseline, a page of what it expects."""

from functools import partial
from pathlib import Path

from firsthand.demo.progress import egoagent_metrics, files_made
from firsthand.demo.stages import own
from firsthand.stages import Stage

WORLD = Path("datasets/rounds")
RECIPES = Path("recipes/egoagent")
# A second thread gains a tiny model little, and memory that is given back after each step has to be cleared again.
QUICK = {
    "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_MMAP_THRESHOLD_": str(2**30),
}  # fmt: skip


def stages(folder: Path, seed: int) -> list[Stage]:
    shards, trained, measured = WORLD / "shards", folder / "stage2", folder / "eval"
    return [
        own(
            "world", "a ring of rooms, a head that turns, hands that reach, in the layouts of the real data",
            "toy", "rounds", "--out", WORLD, makes=[WORLD / "manifest.json", WORLD / "egoexo/takes.json"],
            watch=partial(files_made, WORLD, "truth/*.json", "takes"),
        ),
        own("images", "frames as shards, for stage 1", *_shards(WORLD / "walking", shards / "images")),
        own("clips", "images and poses as shards, for stage 2", *_shards(WORLD / "egoexo", shards / "train")),
        own(
            "held-out", "the same of people who are never trained on",
            *_shards(WORLD / "egoexo", shards / "val"), "--split", "val",
        ),
        _training("stage1", "DINO on single frames", folder, seed),
        _training("stage2", "frames and clips: represent, predict and act", folder, seed, f"start={folder}/stage1"),
        own(
            "eval", "kNN of rooms, the next state, the next poses, each beside every baseline",
            "egoagent", "eval", trained, WORLD, "--out", measured, "--labels", "room", "--bank", "600",
            makes=[measured / "results.json"], env=QUICK,
        ),
        own(
            "page", "what the model expects to see and to do, beside what came",
            "egoagent", "page", trained, WORLD, "--out", folder / "rollout.html",
            "--results", measured / "results.json", makes=[folder / "rollout.html"], env=QUICK,
        ),
    ]  # fmt: skip


def _shards(source: Path, out: Path) -> list[str | Path]:
    return ["egoagent", "shards", source, "--out", out]


def _training(name: str, says: str, folder: Path, seed: int, *settings: str) -> Stage:
    recipe, out, data = RECIPES / f"tiny_{name}_300m.yaml", folder / name, WORLD / "shards"
    return own(
        name, says, "egoagent", "train", recipe, f"output_dir={out}", f"seed={seed}", f"data.images={data}/images",
        *([f"data.clips={data}/train"] if name == "stage2" else []), *settings,
        reads=[recipe, RECIPES / "model_tiny.yaml", data / "images/shards.json", data / "train/shards.json"],
        makes=[out / "ended.json", out / "teacher/model.safetensors", out / "student/model.safetensors"],
        resumes=[out], watch=partial(egoagent_metrics, out / "metrics.jsonl", recipe), env=QUICK,
    )  # fmt: skip
