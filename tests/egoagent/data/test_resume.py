"""Loader and trainer together: a run that is killed in the middle of a shard goes on as if it had not been."""

from accelerate.state import AcceleratorState

from firsthand.egoagent.data import build_shards
from firsthand.egoagent.data.batches import open_batches
from firsthand.egoagent.data.build_shards import build_clips, build_images
from firsthand.egoagent.data.image_sources import frames_below
from firsthand.egoagent.data.pieces import Step
from firsthand.egoagent.training.train import Trainer

from ..conftest import steps
from ..worlds import MODEL, recipe_of


def nothing(*_) -> None:
    pass


def test_a_run_on_shards_resumes_to_the_last_bit_with_other_workers(world, tmp_path, monkeypatch) -> None:
    """Shards of 10 images and batches of 4: step 5 ends in the middle of a shard, step 13 is in the second epoch."""
    monkeypatch.setattr(build_shards, "PER_SHARD", 10)
    monkeypatch.setattr("firsthand.egoagent.data.order.GROUP", 2)
    build_images(tmp_path / "images", frames_below(world / "walking"), None, nothing)
    build_clips(tmp_path / "clips", world / "egoexo", "train", "automatic", Step(), None, nothing)

    def trained(out: str, to: int, workers: int = 0) -> Trainer:
        AcceleratorState._reset_state(True)
        recipe = recipe_of(
            "stage2", tmp_path / out, model=MODEL | {"joints": 17, "poses_per_step": 5}, machine__workers=workers,
            data={"images": str(tmp_path / "images"), "clips": str(tmp_path / "clips"), "clip_steps": 3},
            schedule__steps=15,
        )  # fmt: skip
        trainer = Trainer(recipe, open_batches(recipe))
        steps(trainer, to)
        return trainer

    whole = trained("whole", 15)
    cut = trained("cut", 5)
    cut.save()
    steps(cut, 7)  # lost
    again = trained("cut", 15, workers=2)
    for (name, one), other in zip(whole.learner.state_dict().items(), again.learner.state_dict().values(), strict=True):
        assert one.equal(other), name
    assert again.progress.step == 15
