"""Does reinforcement teach the order of frames, and does T-GRPO's bonus help? One SFT model, four trainings.

All learn from the same rows with the same seed. Every training asks half of its rollouts on shuffled and on reversed
frames too; only `temporal` is paid for the difference. Not divided by the spread of a group, as with RLOO, the bonus
makes the advantages 1.3 times as large, so a run at 1.3 times the learning rate stands beside it.
"""

import subprocess
from functools import partial
from pathlib import Path
from typing import get_args

from firsthand.demo import stages as shared
from firsthand.demo.progress import files_made
from firsthand.demo.stages import FIRSTHAND, Run
from firsthand.errors import UserError
from firsthand.media.orders import Order
from firsthand.serving.vllm_server import vllm_server
from firsthand.stages import Stage
from firsthand.toy import order_rows

WEEK = Path("datasets/toy_order")
TEST = WEEK / "order_test.jsonl"
BASE = Path("models/tiny_qwen3_vl")
SFT = Path("recipes/tiny_sft_qwen3vl_lora.yaml")
MERGE = Path("recipes/tiny_merge_qwen3vl_lora.yaml")
GRPO = Path("recipes/toy/order_grpo.yaml")
RLOO = "+shared@_global_=rloo"
BONUS = "+trainer.v1.sampler.sampler_kwargs.group_rewards.temporal={bonus: 0.3}"
TRAININGS = {  # name -> what differs from GRPO
    "grpo": (),
    "grpo_faster": ("actor_rollout_ref.actor.optim.lr=1.3e-4",),
    "rloo": (RLOO,),
    "temporal": (RLOO, BONUS),
}
MODELS = ("sft", *TRAININGS)
READ = (
    *(Path("recipes") / name for name in ("grpo_qwen3vl_choice.yaml", "shared/cpu.yaml", "shared/rloo.yaml")),
    Path("recipes/toy/order_loop.yaml"),
    *(Path("reward_fns") / name for name in ("choice.py", "groups.py", "groups_temporal.py")),
)
ORDERS: tuple[Order, ...] = get_args(Order)


def stages(folder: Path, seed: int) -> list[Stage]:
    run = Run(folder, seed, BASE)
    taught, trained = WEEK / "order_sft.json", WEEK / "order_grpo_train.parquet"
    reads = [*READ, trained]
    return [
        *shared.week(WEEK, "--people", "6", "--days", "5", "--clips", "6", "--questions", "120", "--seed", "0"),
        shared.own(
            "rows", "pick-ups and put-downs, which only their order tells apart, and rooms and tables",
            "toy", "order-rows", WEEK, "--seed", str(seed),
            reads=[Path(order_rows.__file__)], makes=[taught, trained, TEST],
            watch=partial(files_made, WEEK, "frames/*.jpg", "frames"),
        ),
        shared.sft(
            run, SFT, taught, "LLaMA-Factory: LoRA on a teacher who mostly says one verb without looking",
            "dataset=toy_order", f"media_dir={WEEK}", "num_train_epochs=2",
        ),
        shared.export(run, MERGE),
        *(
            stage
            for name, settings in TRAININGS.items()
            for stage in shared.grpo(run, GRPO, reads, f"veRL: {name}", *settings, name=name)
        ),
        *(_asked(run, name) for name in MODELS),
    ]  # fmt: skip


def _asked(run: Run, name: str) -> Stage:
    out, model = run.folder / "answers" / name, run.model(name)
    return Stage(
        f"ask-{name}", partial(_ask, model, out), reads=[TEST, model / "config.json"], resumes=[out],
        makes=[out / order / "answers.jsonl" for order in ORDERS],
        says=f"vLLM serves {name}; it answers on ordered, shuffled and reversed frames",
    )  # fmt: skip


def _ask(model: Path, out: Path) -> None:
    """One server for all three; without --server each command starts one of its own."""
    with vllm_server(model, str(model), out / "vllm.log", 640) as url:
        for order in ORDERS:
            words = ["--server", url, "--model", str(model), "--frame-order", order, "--out", str(out / order)]
            if subprocess.run([FIRSTHAND, "eval", "run", "toy_order", *words, "--concurrency", "32"]).returncode:
                raise UserError(f"the questions on {order} frames were not all answered; run the demo again to go on")
