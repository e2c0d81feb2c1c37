"""veRL's replay buffer where the whole group is known: rewards that need it, telemetry, and a trace file per step.

The stock trainer logs only the total score of a training batch, so a run that earns its reward by format alone looks
like a run that learns. Its reward function sees one sample only. And it looks for finished rollouts every two seconds,
which is most of a small step. In a recipe:

    trainer.v1.sampler.custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}
    trainer.v1.sampler.sampler_kwargs: {poll_interval: 0.1, traces: runs/grpo/traces, group_reward: null}

`group_reward` is `path/to/file.py:function`. It gets the rollouts of one question (`rollout/telemetry.Rollout`) and
changes their scores and parts. Afterwards a rollout whose tools failed gets the mean score of the others and leaves
their group: its own advantage is zero, and the group's advantages are as if it had never been there. A batch in which
all rollouts failed holds nothing to train on, and veRL would stop at it. It is dropped, and other questions are asked
until the tools are back, but at most `MOST_DROPPED` times in a row: tools cost money. A rollout whose reward is NaN or
infinite is treated like one whose tools failed. Groups that veRL filters by reward (DAPO) are filtered before, on the
rewards of single samples.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl.utils.import_utils import load_extern_object
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

from firsthand import files
from firsthand.errors import UserError
from firsthand.rollout.telemetry import Rollout, by_question, facts_of, metrics_of, missing, settle_faults, warning_of
from firsthand.rollout.trace import Trace

GroupReward = Callable[[list[Rollout]], None]

PAUSE = 10.0  # seconds to wait for tools to come back
MOST_DROPPED = 30  # batches in a row
MASKS = ("response_mask", "loss_mask")  # veRL stores the same mask under both names

logger = logging.getLogger(__name__)


class GroupReplayBuffer(ReplayBuffer):
    def __init__(self, sampler_kwargs, **kwargs):
        options = dict(sampler_kwargs)
        self.traces = options.pop("traces", None)
        named = options.pop("group_reward", None)
        self.group_reward = _load(named) if named else None
        super().__init__(sampler_kwargs=sampler_kwargs, **kwargs, **options)

    def sample(self, global_steps, partition_id, batch_size):
        why = ""
        for _ in range(MOST_DROPPED):
            batch, metrics = super().sample(global_steps, partition_id, batch_size)
            if partition_id != "train":  # the trainer logs the parts of a validation batch itself
                return batch, metrics
            rollouts, given = self._read(batch)
            if not all(rollout.faulty for rollout in rollouts):
                metrics |= {"rollouts/missing": float(missing(batch.keys, batch_size))}
                metrics |= {"rollouts/not_finite": float(sum(rollout.unscored for rollout in rollouts))}
                return batch, metrics | self._settle(global_steps, partition_id, rollouts, given)
            why = rollouts[-1].fault
            logger.warning("step %d: all rollouts failed (%s); other questions in %g s", global_steps, why, PAUSE)
            tq.kv_clear(keys=batch.keys, partition_id=partition_id)
            time.sleep(PAUSE)
            self.refill_fn(batch_size)
        raise UserError(f"step {global_steps}: all rollouts of {MOST_DROPPED} batches in a row failed; the last: {why}")

    def _settle(self, step: int, partition_id, rollouts: list[Rollout], given: list[torch.Tensor]) -> dict[str, float]:
        """Rewards of groups, and faults, written back to the store; returns the metrics of the batch."""
        if warning := warning_of(rollouts):
            logger.warning("step %d: %s", step, warning)
        groups = by_question(rollouts)
        set_apart: list[Rollout] = []
        for group in groups:
            set_apart += settle_faults(group)
        pairs = list(zip(rollouts, given, strict=True))
        changed = {r.key: _on_last_token(scores, r.score) for r, scores in pairs if r.score != float(scores.sum())}
        _put(partition_id, "rm_scores", changed)
        for name in MASKS:
            _put(partition_id, name, {r.key: torch.zeros_like(scores).long() for r, scores in pairs if r.unscored})
        _put(partition_id, "uid", {rollout.key: rollout.key for rollout in set_apart})  # veRL groups advantages by it
        self._write_traces(step, rollouts)
        return metrics_of(groups)

    def _write_traces(self, step: int, rollouts: list[Rollout]) -> None:
        """They are for people to read: a full disk does not end a training."""
        if self.traces:
            path = Path(self.traces) / f"{step:06d}.jsonl"
            try:
                files.write_jsonl(path, [rollout.as_row(step) for rollout in rollouts])
            except (UserError, UnicodeError) as error:
                logger.warning("step %d has no traces: %s", step, error)

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
        if self.group_reward:
            for group in by_question(rollouts):
                self.group_reward(group)
        for rollout in rollouts:
            rollout.check_score()
        return rollouts, given


def _on_last_token(scores: torch.Tensor, score: float) -> torch.Tensor:
    alone = torch.zeros_like(scores)
    alone[-1] = score
    return alone


def _put(partition_id, field: str, values: dict[str, Any]) -> None:
    if values:
        fields = list_of_dict_to_tensordict([{field: value} for value in values.values()])
        tq.kv_batch_put(keys=list(values), partition_id=partition_id, fields=fields)


def _load(named: str) -> GroupReward:
    path, _, function = named.rpartition(":")
    assert path, f"group_reward: {named!r}; write path/to/file.py:function"
    return load_extern_object(path, function)
