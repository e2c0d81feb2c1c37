"""Ego3S on the toy week: regions, SFT, counterfactual selection, and four trainings on other rows, or paid otherwise.

All begin with the same fine-tuned model, and answer the same held-out questions every few updates in veRL's validation:
one evaluator, and no model has to be exported and served for it.
"""

import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.demo import stages as shared
from firsthand.demo.progress import files_made
from firsthand.demo.stages import FIRSTHAND, Run
from firsthand.errors import UserError
from firsthand.serving.vllm_server import vllm_server
from firsthand.stages import Stage
from firsthand.toy.ego3s import rows

WEEK = Path("datasets/toy_ego3s")
POOL = WEEK / "ego3s_grpo_train.parquet"
HELD_OUT = WEEK / "ego3s_grpo_test.parquet"
TEST = WEEK / "ego3s_test.jsonl"
TRUTH = WEEK / "ego3s_regions.jsonl"
TAUGHT = WEEK / "ego3s_sft.json"
CLIP = Path("models/tiny_clip")
BASE = Path("models/tiny_qwen3_vl")
RECIPES = Path("recipes/ego3s")
GRPO = Path("recipes/toy/ego3s_grpo.yaml")
SELECT, ROUNDS = RECIPES / "tiny_select.yaml", RECIPES / "tiny_curriculum.yaml"
READ = (
    RECIPES / "grpo.yaml", Path("recipes/shared/cpu.yaml"),
    *(Path("reward_fns") / name for name in ("ego3s.py", "groups.py", "objects.py")),
)  # fmt: skip
CSM = {"name": "csm", "preset": "paper", "share": 0.15, "samples": 5}
CURRICULUM = {"rounds": 4, "steps": 3, "probes": 40, "slice": 60, "stagnation": {"share": 0.6, "rest": 3, "tail": 0.0}}
SELECTIONS = ("csm", "csm_true_regions", "random")
TRAININGS = {
    "full": "all rows of the pool",
    "random": "as many rows at random as CSM keeps",
    "csm": "the rows of CSM",
    "ego3s": "the rows of CSM to begin with, interaction rewards, other rows as the policy changes",
}
PAID = "trainer.v1.sampler.sampler_kwargs.group_rewards={scarcity: {preset: paper}}"


def stages(folder: Path, seed: int) -> list[Stage]:
    run = Run(folder, seed, BASE)
    regions, vectors = folder / "regions.jsonl", folder / "regions.npz"
    return [
        *shared.week(WEEK, "--people", "3", "--questions", "480", "--seed", "0"),
        shared.own(
            "rows", "a pool that mostly needs no video, traces with objects, held-out questions, true regions",
            "toy", "ego3s-rows", WEEK, "--seed", str(seed), reads=[Path(rows.__file__)],
            makes=[TAUGHT, POOL, HELD_OUT, TEST, TRUTH], watch=partial(files_made, WEEK, "frames/*.jpg", "frames"),
        ),
        shared.own(
            "regions", "a tiny CLIP looks for what each answer names in a hand; its boxes are on a contact sheet",
            "select", "regions", POOL, "--finder", "clip_grid", "--model", CLIP, "--text", "my hand has the {answer}",
            "--out", regions, reads=[POOL, CLIP], makes=[regions, regions.with_suffix(".html")],
        ),
        shared.own(
            "embed", "each region once through the CLIP: what is named in training is compared with it",
            "select", "embed", POOL, "--regions", regions, "--model", CLIP, "--out", vectors,
            reads=[POOL, regions], makes=[vectors],
        ),
        shared.sft(run, RECIPES / "tiny_sft_lora.yaml", TAUGHT, "LLaMA-Factory: LoRA on an imperfect teacher"),
        shared.export(run, RECIPES / "tiny_merge_lora.yaml"),
        Stage(
            "select", partial(_select, run, regions), reads=[POOL, SELECT, ROUNDS, regions, TRUTH],
            makes=[_selected(run, name) for name in SELECTIONS], resumes=[folder / "select"],
            says="vLLM serves the fine-tuned model; each row is put blind, in full, and with its region hidden",
        ),
        *(_trained(run, name, vectors) for name in TRAININGS),
    ]  # fmt: skip


def _select(run: Run, regions: Path) -> None:
    """CSM with the regions that were found; with the true ones, by the same answers but the masked ones; and as many
    rows at random."""
    out, model = run.folder / "select", run.model("sft")
    with vllm_server(model, model.name, run.folder / "logs/select_server.log", 576, ["--block-size", "32"]) as url:
        _chosen(run, "csm", CSM, regions, url)
        if not (known := out / "csm_true_regions/generations").exists():
            shutil.copytree(out / "csm/generations", known)
        _chosen(run, "csm_true_regions", CSM, TRUTH, url)
    kept = files.read_json(out / "csm/summary.json")
    _chosen(run, "random", {"name": "random", "share": kept["kept"] / kept["rows"], "seed": run.seed})
    _write_rounds(run, _selected(run, "csm"))


def _chosen(run: Run, name: str, method: dict[str, Any], regions: Path = TRUTH, server: str = "http://none") -> None:
    path = run.folder / "select" / f"{name}.yaml"
    recipe = files.read_yaml(SELECT)
    policy = recipe["policy"] | {"model": run.model("sft").name, "servers": [server]}
    changes = {"out": str(path.with_suffix("")), "regions": str(regions), "method": method, "policy": policy}
    files.write_json(path, recipe | changes)  # JSON is YAML
    if subprocess.run([FIRSTHAND, "select", "run", str(path)]).returncode:
        raise UserError(f"the selection {name} did not end; run the demo again to go on")


def _write_rounds(run: Run, chosen: Path) -> None:
    """The curriculum of the run; its probes and slices are put as CSM put the pool."""
    changes = {"train": GRPO, "select": chosen.parent.with_suffix(".yaml"), "start": chosen}
    changes |= {"out": run.folder / "ego3s/curriculum"}
    recipe = files.read_yaml(ROUNDS) | {key: str(path) for key, path in changes.items()}
    files.write_json(run.folder / "curriculum.yaml", recipe | CURRICULUM | {"seed": run.seed})


def _trained(run: Run, name: str, vectors: Path) -> Stage:
    """No checkpoint is made a model: held-out questions are asked on the way."""
    out, given = run.folder / name, POOL if name == "full" else _selected(run, "csm" if name == "ego3s" else name)
    rounds = run.folder / "curriculum.yaml"
    more = {
        "full": ["trainer.val_before_train=True"],  # the others begin with the same model
        "ego3s": [PAID, "trainer.v1.trainer_mode=curriculum", f"+trainer.v1.curriculum.recipe={rounds}"],
    }.get(name, [])
    sampler = "trainer.v1.sampler.sampler_kwargs"
    stage, _ = shared.grpo(
        run, GRPO, [*READ, given, HELD_OUT, vectors, rounds], f"veRL: {TRAININGS[name]}",
        f"data.train_files={given}", f"{sampler}.traces={out}/traces", f"{sampler}.validation={out}/validation",
        f"reward.custom_reward_function.reward_kwargs.grounding.regions={vectors}", *more, name=name,
    )  # fmt: skip
    return stage


def _selected(run: Run, name: str) -> Path:
    return run.folder / "select" / name / "selected.parquet"
