"""Ego3S on the toy week: regions, SFT, counterfactual selection, and four trainings on other rows, or paid otherwise.

All begin with the same fine-tuned model, and answer the same held-out questions every few updates in veRL's validation:
one evaluator, and no model has to be exported and served for it.
"""

import shutil
import subprocess
from contextlib import AbstractContextManager
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
FIRST = ("csm", "csm_true_regions", "random")  # selections of the story
LATER = ("pass_rate", "limr", "greso", "oracle")  # of the comparison; two read what the training on all rows saw
TRAININGS = {
    "full": "all rows of the pool",
    "random": "as many rows at random as CSM keeps",
    "csm": "the rows of CSM",
    "ego3s": "the rows of CSM to begin with, interaction rewards, other rows as the policy changes",
}
FURTHER = {
    "pass_rate": "rows that the fine-tuned model sometimes answers",
    "limr": "rows whose accuracy rose as the mean did while all were trained on",
    "greso": "all rows but those that taught nothing while all were trained on",
    "oracle": "the interaction rows, by their label",
    "interaction_rewards": "all rows, interaction rewards",
}
PAID = f"{shared.SAMPLER}.group_rewards={{scarcity: {{preset: paper}}}}"


def stages(folder: Path, seed: int) -> list[Stage]:
    """The story."""
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
            makes=[_selected(run, name) for name in FIRST], resumes=[folder / "select"],
            says="vLLM serves the fine-tuned model; each row is put blind, in full, and with its region hidden",
        ),
        *(_trained(run, name, says, vectors) for name, says in TRAININGS.items()),
    ]  # fmt: skip


def comparison(folder: Path, seed: int) -> list[Stage]:
    """The story, and then the other ways to choose rows, and interaction rewards on all of them."""
    run = Run(folder, seed, BASE)
    return [
        *stages(folder, seed),
        Stage(
            "select-later", partial(_select_later, run), reads=[POOL, SELECT, _selected(run, "csm")],
            makes=[_selected(run, name) for name in LATER],
            says="other ways to choose: by how often rows are right, by what the training on all rows saw, by label",
        ),
        *(_trained(run, name, says, folder / "regions.npz") for name, says in FURTHER.items()),
    ]  # fmt: skip


def _select(run: Run, regions: Path) -> None:
    """CSM with the regions that were found; with the true ones, by the same answers but the masked ones; and as many
    rows at random."""
    with _served(run) as url:
        _chosen(run, "csm", CSM, regions, url)
        _know(run, "csm_true_regions")
        _chosen(run, "csm_true_regions", CSM, TRUTH, url)
    kept = files.read_json(run.folder / "select/csm/summary.json")
    _chosen(run, "random", {"name": "random", "share": kept["kept"] / kept["rows"], "seed": run.seed})
    _write_rounds(run, _selected(run, "csm"))


def _select_later(run: Run) -> None:
    """Ways that need more answers of the same model, or the traces of the training on all rows; and the truth."""
    with _served(run) as url:
        _know(run, "pass_rate")
        _chosen(run, "pass_rate", {"name": "pass_rate", "samples": CSM["samples"]}, server=url)
    traces = str(run.folder / "full/traces")
    _chosen(run, "limr", {"name": "limr", "traces": traces})
    _chosen(run, "greso", {"name": "greso", "traces": traces, "seed": run.seed})
    ledger, out = run.folder / "select/csm/ledger.jsonl", _selected(run, "oracle")
    _command("select", "filter", ledger, "label == 'interaction'", "--data", POOL, "--out", out)


def _served(run: Run) -> AbstractContextManager[str]:
    model = run.model("sft")
    return vllm_server(model, model.name, run.folder / "logs/select_server.log", 576, ["--block-size", "32"])


def _know(run: Run, name: str) -> None:
    """The same answers of the same model are not asked for twice."""
    known = run.folder / "select" / name / "generations"
    if not known.exists():
        shutil.copytree(run.folder / "select/csm/generations", known)


def _command(*words: str | Path) -> None:
    if subprocess.run([FIRSTHAND, *map(str, words)]).returncode:
        raise UserError(f"firsthand {' '.join(map(str, words[:3]))} did not end; run the demo again to go on")


def _chosen(run: Run, name: str, method: dict[str, Any], regions: Path = TRUTH, server: str = "http://none") -> None:
    path = run.folder / "select" / f"{name}.yaml"
    recipe = files.read_yaml(SELECT)
    policy = recipe["policy"] | {"model": run.model("sft").name, "servers": [server]}
    changes = {"out": str(path.with_suffix("")), "regions": str(regions), "method": method, "policy": policy}
    files.write_json(path, recipe | changes)  # JSON is YAML
    _command("select", "run", path)


def _write_rounds(run: Run, chosen: Path) -> None:
    """The curriculum of the run; its probes and slices are put as CSM put the pool."""
    changes = {"train": GRPO, "select": chosen.parent.with_suffix(".yaml"), "start": chosen}
    changes |= {"out": run.folder / "ego3s/curriculum"}
    recipe = files.read_yaml(ROUNDS) | {key: str(path) for key, path in changes.items()}
    files.write_json(run.folder / "curriculum.yaml", recipe | CURRICULUM | {"seed": run.seed})


def _trained(run: Run, name: str, says: str, vectors: Path) -> Stage:
    """No checkpoint is made a model: held-out questions are asked on the way."""
    out, rounds, rows = run.folder / name, run.folder / "curriculum.yaml", "csm" if name == "ego3s" else name
    given = POOL if name in ("full", "interaction_rewards") else _selected(run, rows)
    more = {
        "full": ["trainer.val_before_train=True"],  # the others begin with the same model
        "ego3s": [PAID, "trainer.v1.trainer_mode=curriculum", f"+trainer.v1.curriculum.recipe={rounds}"],
        "interaction_rewards": [PAID],
    }.get(name, [])
    stage, _ = shared.grpo(
        run, GRPO, [*READ, given, HELD_OUT, vectors, rounds], f"veRL: {says}",
        f"data.train_files={given}", *shared.kept_rollouts(out),
        f"reward.custom_reward_function.reward_kwargs.grounding.regions={vectors}", *more, name=name,
    )  # fmt: skip
    return stage


def _selected(run: Run, name: str) -> Path:
    return run.folder / "select" / name / "selected.parquet"
