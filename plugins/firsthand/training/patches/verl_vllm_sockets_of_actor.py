"""Patches `ServerAdapter` of `verl.workers.rollout.vllm_rollout.vllm_rollout`: the end of `verl_vllm_sockets` that
sends.

It gives its socket the name that the engine of the same run listens at.
"""

import functools
import inspect

from firsthand.training.patches.verl_vllm_sockets import run_id


def needed(vllm_rollout) -> bool:
    return "gcs_address" not in inspect.getsource(vllm_rollout.ServerAdapter.__init__)


def apply(vllm_rollout) -> None:
    upstream = vllm_rollout.ServerAdapter.__init__

    @functools.wraps(upstream)
    def __init__(self, *args, **kwargs):
        upstream(self, *args, **kwargs)
        job = vllm_rollout.ray.get_runtime_context().get_job_id()
        self.zmq_handle = self.zmq_handle.replace(job, run_id(), 1)

    vllm_rollout.ServerAdapter.__init__ = __init__
