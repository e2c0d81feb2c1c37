"""DAPO's dynamic sampling by veRL's own switch, on its own replay buffer and ours: groups whose rewards do not vary are
dropped, and other questions are asked, but not for ever. Only the store is a dictionary, and rollouts are ready at
once."""

from collections import defaultdict
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest

pytest.importorskip("verl")
import torch
from omegaconf import OmegaConf
from verl.trainer.ppo.v1 import replay_buffer as verl_buffer
from verl.trainer.ppo.v1.trainer_base import PPOTrainer

from firsthand.errors import UserError
from firsthand.training import replay_buffer

SAMPLER = {"max_off_policy_threshold": None, "max_off_policy_strategy": "drop", "sampler_kwargs": {}}
FLAT, MIXED = (1.0, 1.0), (1.0, 0.0)


class Store:
    """What the buffers call of TransferQueue."""

    def __init__(self):
        self.tags, self.fields = defaultdict(dict), defaultdict(dict)

    def kv_list(self, partition_id=None):
        return {name: dict(tags) for name, tags in self.tags.items()}

    def kv_clear(self, keys, partition_id):
        for key in keys:
            self.tags[partition_id].pop(key, None)

    def kv_batch_get(self, keys, partition_id, select_fields):
        columns = {name: [self.fields[key][name] for key in keys] for name in select_fields}
        return {
            name: torch.nested.nested_tensor(column) if isinstance(column[0], torch.Tensor) else column
            for name, column in columns.items()
        }

    def kv_batch_put(self, keys, partition_id, fields):
        for name, column in fields.items():
            for key, value in zip(keys, column.unbind() if name != "uid" else column.tolist(), strict=True):
                self.fields[key][name] = value


class Tokenizer:
    eos_token_id, pad_token_id = 9, 8

    def decode(self, ids, skip_special_tokens):
        return " ".join(str(int(token)) for token in ids if int(token) != self.eos_token_id)


class Trainer:
    """Asks questions; how right each of their rollouts is stands in `accuracies`."""

    def __init__(self, store: Store, accuracies, **filter_groups):
        self.store, self.coming, self.numbers = store, iter(accuracies), count()
        self.asked: list[int] = []
        self.tokenizer, self.global_steps = Tokenizer(), 0
        filtering = {"enable": True, "metric": "accuracy", "max_num_gen_batches": 0, "max_inflight_gen_batches": 1}
        self.config = OmegaConf.create({
            "data": {"train_batch_size": 2, "max_response_length": 3},
            "algorithm": {"filter_groups": filtering | filter_groups},
            "trainer": {"v1": {"sampler": SAMPLER}, "default_local_dir": "x", "resume_mode": "auto"},
            "reward": {"reward_model": {"enable": False}},
        })  # fmt: skip

    def _save_checkpoint(self): ...

    def _add_prompts_to_generate(self, number: int) -> None:
        self.asked.append(number)
        for _ in range(number):
            question = f"q{next(self.numbers)}"
            self.store.tags["train"][question] = {"is_prompt": True, "status": "finished", "global_steps": 1}
            for session, accuracy in enumerate(next(self.coming)):
                key = f"{question}_{session}_0"
                self.store.tags["train"][key] = {"status": "success"}
                self.store.fields[key] = {
                    "uid": question,
                    "rm_scores": torch.tensor([0.0, accuracy + 0.1 * session]),  # the score varies in every group
                    "response_mask": torch.ones(2, dtype=int),
                    "responses": torch.tensor([5, 9]),
                    "extra_fields": {"reward_extra_info": {"accuracy": accuracy, "only": None}, "orders": {}},
                    "extra_info": {"id": question},
                    "reward_model": {"ground_truth": "B"},
                }


@pytest.fixture
def start(monkeypatch):
    def made(accuracies, **filter_groups) -> tuple[Trainer, replay_buffer.GroupReplayBuffer]:
        store = Store()
        for module in (verl_buffer, replay_buffer):
            for name in ("kv_list", "kv_clear", "kv_batch_get", "kv_batch_put"):
                monkeypatch.setattr(module.tq, name, getattr(store, name))
        trainer = Trainer(store, accuracies, **filter_groups)
        buffer = replay_buffer.GroupReplayBuffer(
            trainer_mode="sync", trainer_config=None, max_off_policy_threshold=None, max_off_policy_strategy="drop",
            sampler_kwargs=OmegaConf.create({"poll_interval": 0.0}), refill_fn=trainer._add_prompts_to_generate,
        )  # fmt: skip
        trainer._add_prompts_to_generate(2)
        return trainer, buffer

    return made


def questions(batch) -> set[str]:
    return {key.split("_")[0] for key in batch.keys}


def test_groups_that_do_not_vary_are_dropped_and_replaced(start):
    """Two dropped: four more may be asked, two at a time. One of them varies; then one more does."""
    trainer, buffer = start([FLAT, (0.0, 0.0), FLAT, MIXED, MIXED, FLAT])
    batch, metrics = buffer.sample(1, "train", 2)
    assert questions(batch) == {"q3", "q4"} and trainer.asked == [2, 2, 2]
    assert metrics["training/filter_groups/evicted_samples"] == 4
    assert metrics["groups/zero_variance"] == 0.0 and metrics["reward/accuracy"] == 0.5
    left = {key.split("_")[0] for key in trainer.store.tags["train"]}
    assert left == {"q3", "q4"}, "what was dropped is gone from the store"


def test_without_the_switch_nothing_is_dropped(start):
    trainer, buffer = start([FLAT, MIXED], enable=False)
    batch, metrics = buffer.sample(1, "train", 2)
    assert questions(batch) == {"q0", "q1"} and trainer.asked == [2]
    assert not any("filter_groups" in name for name in metrics)


def test_questions_are_not_asked_for_ever(start):
    trainer, buffer = start([FLAT] * 100, max_num_gen_batches=3)
    with pytest.raises(UserError, match=r"step 1: 4 more questions than the first batch were asked, and `accuracy`"):
        buffer.sample(1, "train", 2)
    assert sum(trainer.asked) == 6, "three batches of two"


def test_the_limit_begins_anew_with_each_step(start):
    trainer, buffer = start([FLAT, MIXED, MIXED, FLAT] * 2, max_num_gen_batches=2)
    for step in (1, 2):
        buffer.sample(step, "train", 2)
        trainer._add_prompts_to_generate(2) if step == 1 else None
    assert sum(trainer.asked) == 8


def test_a_switch_without_a_metric_is_an_error_at_the_start(start):
    with pytest.raises(UserError, match="filter_groups: write `metric:`"):
        start([MIXED], metric=None)


def test_verls_own_buffer_would_do_the_same(start):
    """The settings that we hand on are those that the trainer hands to its own buffer."""
    trainer, ours = start([MIXED, MIXED], max_inflight_gen_batches=4)
    trainer.trainer_mode = "sync"
    trainer._resolve_filter_groups_metric = partial(PPOTrainer._resolve_filter_groups_metric, trainer)
    theirs = PPOTrainer._build_replay_buffer(trainer)
    assert type(theirs) is verl_buffer.ReplayBuffer and ours.max_inflight_gen_batches == 4
    handed = ("filter_groups_metric", "train_batch_size", "gen_batch_size", "max_inflight_gen_batches")
    for name in (*handed, "sync_refill_failed_groups"):
        assert getattr(ours, name) == getattr(theirs, name), name


def test_a_rollout_has_its_text_and_its_length_and_whether_it_was_cut(start):
    trainer, buffer = start([MIXED, MIXED], enable=False)
    whole = [torch.tensor(ids) for ids in ([5, 6, 7], [5, 6, 9], [5, 6], [5, 6, 8])]
    for key, ids in zip(sorted(trainer.store.fields), whole, strict=True):
        of_this = {
            "responses": ids,
            "rm_scores": torch.zeros(len(ids)),
            "response_mask": torch.ones(len(ids), dtype=int),
        }
        trainer.store.fields[key] |= of_this
    keys = SimpleNamespace(keys=sorted(trainer.store.fields), partition_id="train")
    read, _ = buffer._read(keys)
    assert [(r.text, r.length, r.cut) for r in read] == [
        ("5 6 7", 3, True), ("5 6", 3, False), ("5 6", 2, False), ("5 6 8", 3, False),
    ]  # fmt: skip
    assert all(rollout.parts.keys() == {"accuracy"} for rollout in read), "a part that is None does not exist"
