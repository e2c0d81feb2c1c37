"""Does reinforcement teach the order of frames, and does T-GRPO's bonus help? One SFT model, four trainings.

All learn from the same rows with the same seed. Every training asks half of its rollouts on shuffled and on reversed
frames too; only `temporal` is paid for the difference. Not divided by the spread of a group, as with RLOO, the bonus
makes the advantages 1.3 times as large, so RLOO at 1.3 times the learning rate stands beside it.

Held-out questions are asked in veRL's validation, on ordered frames and on the others: no model has to be exported and
served for it. The fine-tuned model answers before the first training.
"""

from functools import partial
from pathlib import Path
from typing import get_args

from firsthand.demo import stages as shared
from firsthand.demo.progress import files_made
from firsthand.demo.stages import Run
from firsthand.media.orders import Order
from firsthand.stages import Stage
from firsthand.toy import order_rows

WEEK = Path("datasets/toy_order")
TRAIN, HELD_OUT = WEEK / "order_grpo_train.parquet", WEEK / "order_grpo_test.parquet"
TEST = WEEK / "order_test.jsonl"
BASE = Path("models/tiny_qwen3_vl")
SFT = Path("recipes/tiny_sft_qwen3vl_lora.yaml")
MERGE = Path("recipes/tiny_merge_qwen3vl_lora.yaml")
GRPO = Path("recipes/toy/order_grpo.yaml")
RLOO = "+shared@_global_=rloo"
TRAININGS = {  # name -> what differs from GRPO
    "grpo": (),
    "rloo": (RLOO,),
    "temporal": (RLOO, f"+{shared.SAMPLER}.group_rewards.temporal={{bonus: 0.3}}"),
    "rloo_faster": (RLOO, "actor_rollout_ref.actor.optim.lr=1.3e-4"),
}
MODELS = ("sft", *TRAININGS)
READ = (
    *(Path("recipes") / name for name in ("grpo_qwen3vl_choice.yaml", "shared/cpu.yaml", "shared/rloo.yaml")),
    Path("recipes/toy/order_loop.yaml"),
    *(Path("reward_fns") / name for name in ("choice.py", "groups.py", "groups_temporal.py")),
)
ORDERS: tuple[Order, ...] = get_args(Order)


def stages(folder: Path, seed: int) -> list[Stage]:
    run, taught = Run(folder, seed, BASE), WEEK / "order_sft.json"
    return [
        *shared.week(WEEK, "--people", "6", "--days", "5", "--clips", "6", "--questions", "120", "--seed", "0"),
        shared.own(
            "rows", "pick-ups and put-downs, which only their order tells apart, and rooms and tables",
            "toy", "order-rows", WEEK, "--seed", str(seed),
            reads=[Path(order_rows.__file__)], makes=[taught, TRAIN, HELD_OUT, TEST],
            watch=partial(files_made, WEEK, "frames/*.jpg", "frames"),
        ),
        shared.sft(
            run, SFT, taught, "LLaMA-Factory: LoRA on a teacher who often says one verb without looking",
            "dataset=toy_order", f"media_dir={WEEK}", "num_train_epochs=2",
        ),
        shared.export(run, MERGE),
        *(_trained(run, name, settings) for name, settings in TRAININGS.items()),
    ]  # fmt: skip


def _trained(run: Run, name: str, settings: tuple[str, ...]) -> Stage:
    """No checkpoint is made a model; the first training asks the model that all of them begin with."""
    before = ["trainer.val_before_train=True"] if name == next(iter(TRAININGS)) else []
    settings = (*shared.kept_rollouts(run.folder / name), *before, *settings)
    stage, _ = shared.grpo(run, GRPO, [*READ, TRAIN, HELD_OUT], f"veRL: {name}", *settings, name=name)
    return stage
