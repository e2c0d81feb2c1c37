"""veRL's replay buffer where the whole group is known: rewards that need it, telemetry, and a trace file per step.

The stock trainer logs only the total score of a training batch, so a run that earns its reward by format alone looks
like a run that learns. Its reward function sees one sample only. And it looks for finished rollouts every two seconds,
which is most of a small step. In a recipe:

    trainer.v1.sampler.custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}
    trainer.v1.sampler.sampler_kwargs: {poll_interval: 0.1, traces: runs/grpo/traces, group_rewards: {temporal: {}}}

`validation: FOLDER` beside them keeps the rollouts of each validation too, with the rows that they answer.

`group_rewards` are those of `training/group_rewards.py`. Afterwards a rollout whose tools failed gets the mean score of
the others and leaves their group: its own advantage is zero, and the group's advantages are as if it had never been
there. A batch in which all rollouts failed holds nothing to train on, and veRL would stop at it. It is dropped, and
other questions are asked until the tools are back, but at most `MOST_DROPPED` times in a row: tools cost money. A
rollout whose reward is NaN or infinite is treated like one whose tools failed.

veRL's `algorithm.filter_groups` (DAPO's dynamic sampling) works as with veRL's own buffer: groups whose metric does not
vary are dropped, and others are asked for. It looks at the rewards of single samples, before group rewards. With
`max_num_gen_batches` a step ends with an error after so many batches: veRL's own buffer would ask for ever.
"""

import logging
import time
from pathlib import Path
from typing import Any

import torch
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl.utils.tensordict_utils import list_of_dict_to_tensordict

from firsthand import files
from firsthand.errors import UserError
from firsthand.rollout.telemetry import Rollout, by_question, facts_of, metrics_of, missing, settle_faults, warning_of
from firsthand.rollout.trace import Trace
from firsthand.training.group_rewards import GroupRewards, resumed, saved_with

PAUSE = 10.0  # seconds to wait for tools to come back
MOST_DROPPED = 30  # batches in a row
MASKS = ("response_mask", "loss_mask")  # veRL stores the same mask under both names
READ = ("rm_scores", "response_mask", "responses", "extra_fields", "extra_info", "reward_model")

logger = logging.getLogger(__name__)


class GroupReplayBuffer(ReplayBuffer):
    def __init__(self, sampler_kwargs, refill_fn, **kwargs):
        options = dict(sampler_kwargs)
        self.traces, self.validation = options.pop("traces", None), options.pop("validation", None)
        self.validated: list[Rollout] = []  # of the step, whose validation may come in several batches
        self.group_rewards = GroupRewards(options.pop("group_rewards", None))
        trainer = getattr(refill_fn, "__self__", None)  # the sampler gets this method of its trainer, and nothing else
        self.trainer = trainer if hasattr(trainer, "config") else None
        self.step: int | None = None
        self.validating: int | None = None
        self.asked = 0  # questions beyond the first batch of the step
        self.ask_for = refill_fn
        config = self.trainer and self.trainer.config
        self.most_asked = _most_asked(config) if config else None
        options = (_dynamic_sampling(config) if config else {}) | options
        super().__init__(sampler_kwargs=sampler_kwargs, refill_fn=self._refill, **kwargs, **options)
        if self.trainer:
            saved_with(self.trainer, self.group_rewards)

    def sample(self, global_steps, partition_id, batch_size):
        if partition_id != "train":
            return self._validation(global_steps, super().sample(global_steps, partition_id, batch_size))
        self._begin(global_steps)
        why = ""
        for _ in range(MOST_DROPPED):
            batch, metrics = super().sample(global_steps, partition_id, batch_size)
            rollouts, given = self._read(batch)
            if not all(rollout.faulty for rollout in rollouts):
                metrics |= self._settle(global_steps, partition_id, rollouts, given)
                metrics |= {"rollouts/missing": float(missing(batch.keys, batch_size))}
                return batch, metrics | {"rollouts/not_finite": float(sum(rollout.unscored for rollout in rollouts))}
            why = rollouts[-1].fault
            logger.warning("step %d: all rollouts failed (%s); other questions in %g s", global_steps, why, PAUSE)
            tq.kv_clear(keys=batch.keys, partition_id=partition_id)
            time.sleep(PAUSE)
            self.ask_for(batch_size)
        raise UserError(f"step {global_steps}: all rollouts of {MOST_DROPPED} batches in a row failed; the last: {why}")

    def _validation(self, step: int, sampled):
        """As it is: the trainer logs the parts of its batches itself, by data set and without the rows that they are
        of. Rollouts go into the traces of `validation`, where somebody asks for them."""
        if self.validation:
            self.validated = [*(self.validated if step == self.validating else []), *self._read(sampled[0])[0]]
            self.validating = step
            self._write_traces(self.validation, step, self.validated)
        return sampled

    def _begin(self, step: int) -> None:
        if self.step is None and self.trainer:
            resumed(self.trainer, self.group_rewards, step - 1)
        self.step, self.asked = step, 0

    def _refill(self, questions: int) -> None:
        """Ask more questions in place of those that were dropped, but not for ever."""
        if self.most_asked is not None and self.asked + questions > self.most_asked:
            raise UserError(
                f"step {self.step}: {self.asked} more questions than the first batch were asked, and"
                f" `{self.filter_groups_metric}` varies in too few groups: the questions are too hard or too easy for"
                " this model; choose others, or raise algorithm.filter_groups.max_num_gen_batches"
            )
        self.asked += questions
        self.ask_for(questions)

    def _settle(self, step: int, partition_id, rollouts: list[Rollout], given: list[torch.Tensor]) -> dict[str, float]:
        """Rewards of groups, and faults, written back to the store; returns the metrics of the batch."""
        if warning := warning_of(rollouts):
            logger.warning("step %d: %s", step, warning)
        groups = by_question(rollouts)
        self.group_rewards.pay(groups)
        for rollout in rollouts:
            rollout.check_score()
        set_apart: list[Rollout] = []
        for group in groups:
            set_apart += settle_faults(group)
        pairs = list(zip(rollouts, given, strict=True))
        changed = {r.key: _on_last_token(scores, r.score) for r, scores in pairs if r.score != float(scores.sum())}
        _put(partition_id, "rm_scores", changed)
        for name in MASKS:
            _put(partition_id, name, {r.key: torch.zeros_like(scores).long() for r, scores in pairs if r.unscored})
        _put(partition_id, "uid", {rollout.key: rollout.key for rollout in set_apart})  # veRL groups advantages by it
        self._write_traces(self.traces, step, rollouts)
        return metrics_of(groups)

    def _write_traces(self, folder: str | None, step: int, rollouts: list[Rollout]) -> None:
        """They are for people to read: a full disk does not end a training."""
        if folder:
            path = Path(folder) / f"{step:06d}.jsonl"
            try:
                files.write_jsonl(path, [rollout.as_row(step) for rollout in rollouts])
            except (UserError, UnicodeError) as error:
                logger.warning("step %d has no traces: %s", step, error)

    def _read(self, batch) -> tuple[list[Rollout], list[torch.Tensor]]:
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=list(READ))
        tensors = [list(data[name].unbind()) for name in READ[:3]]
        others = [[getattr(value, "data", value) for value in data[name]] for name in READ[3:]]
        rollouts = [self._rollout(*row) for row in zip(batch.keys, *tensors, *others, strict=True)]
        return rollouts, tensors[0]

    def _rollout(self, key: str, scores, mask, response, extra, info, reward) -> Rollout:
        trace = extra.get("trace") and Trace.model_validate(extra["trace"])
        rollout = Rollout(
            key, float(scores.sum()), _parts(extra), trace, facts_of(info, reward.get("ground_truth")),
            trained=int(mask.sum()), length=len(response), orders=extra.get("orders") or {},
        )  # fmt: skip
        if self.trainer:
            rollout.text = self.trainer.tokenizer.decode(response, skip_special_tokens=True)
            rollout.cut = trace.stop == "length" if trace else _is_cut(response, self.trainer)
        rollout.check_score()
        return rollout


def _is_cut(response, trainer) -> bool:
    ends = trainer.tokenizer.eos_token_id, trainer.tokenizer.pad_token_id
    return len(response) >= trainer.config.data.max_response_length and int(response[-1]) not in ends


def _dynamic_sampling(config) -> dict[str, Any]:
    """What veRL tells its own buffer, and no other, of the sections that replace questions."""
    filtering = config.algorithm.filter_groups
    refills = bool(config.trainer.v1.sampler.get("sync_refill_failed_groups"))
    if not (filtering.enable or refills):
        return {}
    if filtering.enable and not filtering.metric:
        raise UserError("algorithm.filter_groups: write `metric:`, a part of the reward (accuracy), or `reward`")
    return {
        "filter_groups_metric": filtering.metric if filtering.enable else None,
        "train_batch_size": config.data.train_batch_size,
        "gen_batch_size": 1,
        "max_inflight_gen_batches": filtering.max_inflight_gen_batches,
        "sync_refill_failed_groups": refills,
    }


def _most_asked(config) -> int | None:
    """Questions beyond the first batch of a step; None: no limit."""
    filtering = config.algorithm.filter_groups
    limited = filtering.enable and filtering.max_num_gen_batches > 0
    return (filtering.max_num_gen_batches - 1) * config.data.train_batch_size if limited else None


def _parts(extra: dict[str, Any]) -> dict[str, float]:
    """A part that is None does not exist for this rollout."""
    given = extra.get("reward_extra_info", {})
    return {name: float(value) for name, value in given.items() if value is not None and not isinstance(value, str)}


def _on_last_token(scores: torch.Tensor, score: float) -> torch.Tensor:
    alone = torch.zeros_like(scores)
    alone[-1] = score
    return alone


def _put(partition_id, field: str, values: dict[str, Any]) -> None:
    if values:
        fields = list_of_dict_to_tensordict([{field: value} for value in values.values()])
        tq.kv_batch_put(keys=list(values), partition_id=partition_id, fields=fields)
