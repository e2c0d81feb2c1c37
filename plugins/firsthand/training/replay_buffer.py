"""veRL's replay buffer where the whole group is known: rewards that need it, telemetry, and a trace file per step.

The stock trainer logs only the total score of a training batch, so a run that earns its reward by format alone looks
like a run that learns. Its reward function sees one sample. And it looks for finished rollouts every two seconds, which
is most of a small step. In a recipe:

    trainer.v1.sampler.custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}
    trainer.v1.sampler.sampler_kwargs: {poll_interval: 0.1, traces: runs/grpo/traces, group_reward: null}

`group_reward` is `path/to/file.py:function`. It gets the rollouts of one question (`rollout/telemetry.Rollout`) and
changes their scores and parts. Afterwards a rollout whose tools failed gets the mean score of the others and leaves
their group: its own advantage is zero, and the group's advantages are as if it had never been there. A batch in which
all rollouts failed holds nothing to train on, and veRL would stop at it. It is dropped, and other questions are asked
until the tools are back. Groups that veRL filters by reward (DAPO) are filtered before, on the rewards of single
samples.
"""

import importlib.util
import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

from firsthand import files
from firsthand.rollout.telemetry import Rollout, by_question, facts_of, metrics_of, settle_faults
from firsthand.rollout.trace import Trace

GroupReward = Callable[[list[Rollout]], None]

PAUSE = 10.0  # seconds to wait for tools to come back

logger = logging.getLogger(__name__)


class GroupReplayBuffer(ReplayBuffer):
    def __init__(self, sampler_kwargs, **kwargs):
        options = dict(sampler_kwargs)
        self.traces = options.pop("traces", None)
        named = options.pop("group_reward", None)
        self.group_reward = _load(named) if named else None
        super().__init__(sampler_kwargs=sampler_kwargs, **kwargs, **options)

    def sample(self, global_steps, partition_id, batch_size):
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if partition_id != "train":  # the trainer logs the parts of a validation batch itself
            return batch, metrics
        rollouts, given = self._read(batch)
        while all(rollout.faulty for rollout in rollouts):
            logger.warning("step %d: tools failed in all rollouts; other questions in %g s", global_steps, PAUSE)
            tq.kv_clear(keys=batch.keys, partition_id=partition_id)
            time.sleep(PAUSE)
            self.refill_fn(batch_size)
            batch, metrics = super().sample(global_steps, partition_id, batch_size)
            rollouts, given = self._read(batch)
        groups = by_question(rollouts)
        set_apart: list[Rollout] = []
        for group in groups:
            if self.group_reward:
                self.group_reward(group)
            set_apart += settle_faults(group)
        self._write_back(batch, rollouts, given)
        if set_apart:  # veRL groups advantages by `uid`
            keys = [rollout.key for rollout in set_apart]
            alone = list_of_dict_to_tensordict([{"uid": key} for key in keys])
            tq.kv_batch_put(keys=keys, partition_id=partition_id, fields=alone)
        if self.traces:
            path = Path(self.traces) / f"{global_steps:06d}.jsonl"
            files.write_jsonl(path, [rollout.as_row(global_steps) for rollout in rollouts])
        return batch, metrics | metrics_of(groups)

    def _read(self, batch) -> tuple[list[Rollout], list[torch.Tensor]]:
        fields = ["rm_scores", "response_mask", "extra_fields", "extra_info", "reward_model"]
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
        given = list(data["rm_scores"].unbind())
        rollouts = []
        columns = given, data["response_mask"].unbind(), *(data[name] for name in fields[2:])
        for key, scores, mask, *others in zip(batch.keys, *columns, strict=True):
            extra, info, reward = (getattr(other, "data", other) for other in others)
            parts = {name: float(value) for name, value in extra.get("reward_extra_info", {}).items()}
            facts = facts_of(info, reward.get("ground_truth"))
            trace = extra.get("trace") and Trace.model_validate(extra["trace"])
            rollouts.append(Rollout(key, float(scores.sum()), parts, trace, facts, int(mask.sum())))
        return rollouts, given

    def _write_back(self, batch, rollouts: list[Rollout], given: list[torch.Tensor]) -> None:
        keys, rows = [], []
        for rollout, scores in zip(rollouts, given, strict=True):
            if rollout.score != float(scores.sum()):
                scores = torch.zeros_like(scores)
                scores[-1] = rollout.score
                keys.append(rollout.key)
                rows.append({"rm_scores": scores})
        if keys:
            tq.kv_batch_put(keys=keys, partition_id=batch.partition_id, fields=list_of_dict_to_tensordict(rows))


def _load(named: str) -> GroupReward:
    path, _, function = named.rpartition(":")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec and spec.loader, f"group_reward: {named!r}; write path/to/file.py:function"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)
