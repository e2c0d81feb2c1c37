"""veRL's replay buffer, with the reward's named parts in the log and its constructor's options in the recipe.

The stock trainer logs the total score of a training batch only, so a run that earns its reward by format alone looks
like a run that learns. And the stock buffer looks for finished rollouts every two seconds, which is most of a small
step. In a recipe:

    trainer.v1.sampler.custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: PartsReplayBuffer}
    trainer.v1.sampler.sampler_kwargs: {poll_interval: 0.1}
"""

from collections import defaultdict

import numpy as np
import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer


class PartsReplayBuffer(ReplayBuffer):
    def __init__(self, sampler_kwargs, **kwargs):
        super().__init__(sampler_kwargs=sampler_kwargs, **kwargs, **sampler_kwargs)

    def sample(self, global_steps, partition_id, batch_size):
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if partition_id == "train":  # the trainer logs the parts of a validation batch itself
            metrics |= self._parts(batch)
        return batch, metrics

    def _parts(self, batch) -> dict[str, float]:
        """The mean of each named part over the batch, and how many trajectories it stands for."""
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["extra_fields"])
        parts = defaultdict(list)
        for fields in list(data["extra_fields"]):
            for name, value in getattr(fields, "data", fields).get("reward_extra_info", {}).items():
                parts[name].append(float(value))
        return {f"reward/{name}": float(np.mean(values)) for name, values in parts.items()}
