"""Run by torchrun on two ranks: `python rank_runs.py FOLDER`. What each run ends with is saved for the test."""

import sys
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from torch import distributed
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from firsthand.egoagent.model.config import EgoAgentConfig
from firsthand.egoagent.model.model import EgoAgentModel
from firsthand.egoagent.training.augment import ClipBatch, lit, views_of
from firsthand.egoagent.training.learner import COUNTS, SUMS, Learner
from firsthand.egoagent.training.train import Trainer

sys.path.insert(0, str(Path(__file__).parent))
from worlds import MODEL, noise, recipe_of

STEPS, CUT = 4, 2


def trained(out: Path, to: int, cut: bool = False) -> dict[str, torch.Tensor]:
    AcceleratorState._reset_state(False)
    recipe = recipe_of("stage2", out)
    trainer = Trainer(recipe, noise(recipe))
    parts = trainer.parts()
    trainer.wrapped.train()
    while trainer.progress.step < to:
        trainer.step(list(islice(parts, 1)))
    if cut:
        trainer.save()
    return {name: value.clone() for name, value in trainer.learner.state_dict().items()}


def by_hand(out: Path, rank: int, ranks: int) -> dict[str, torch.Tensor]:
    """Plain SGD, sharded by FSDP2 where there are two ranks; one process takes both micro-batches by itself."""
    recipe = recipe_of("stage2", out)
    torch.manual_seed(0)
    learner = Learner(EgoAgentModel(EgoAgentConfig(**MODEL)), recipe.loss, "stage2")
    if ranks > 1:
        for model in (learner.student, learner.teacher):
            for layer in model.encoder.trunk.layers:
                fully_shard(layer)
        fully_shard(learner)
        assert all(isinstance(one, DTensor) for one in learner.parameters())
    optimizer = torch.optim.SGD([one for one in learner.parameters() if one.requires_grad], lr=0.05)
    batches, mine = noise(recipe), [rank] if ranks > 1 else [0, 1]
    for step in range(STEPS):
        kept: dict[str, Any] = {}
        for part in mine:
            images, draws = next(batches.images(step, part, 2))
            clips, clip_draws = next(batches.clips(step, part, 2))
            seen = lit(clips, clip_draws, recipe.views, 0)
            batch = ClipBatch(seen, clips.poses, clips.visible, torch.tensor(12.0))
            loss, found = learner(*views_of(images, draws, recipe.views, 0), batch)
            (loss / len(mine)).backward()
            for name in (*SUMS, *COUNTS):
                kept[name] = kept.get(name, 0) + found[name].detach()
        if ranks > 1:
            for value in kept.values():
                distributed.all_reduce(value)
        optimizer.step()
        optimizer.zero_grad()
        learner.after_applied_step(0.9, kept)
    return {
        name: value.full_tensor() if hasattr(value, "full_tensor") else value
        for name, value in learner.state_dict().items()
    }


def main(out: Path) -> None:
    torch.set_num_threads(1)
    whole = trained(out / "whole", STEPS)
    trained(out / "cut", CUT, cut=True)
    resumed = trained(out / "cut", STEPS)
    sharded = by_hand(out, distributed.get_rank(), 2)
    alone = by_hand(out, 0, 1)
    if distributed.get_rank() == 0:
        torch.save({"whole": whole, "resumed": resumed, "sharded": sharded, "alone": alone}, out / "found.pt")
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
