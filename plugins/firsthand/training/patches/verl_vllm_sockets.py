"""Patches `vLLMHttpServer` of `verl.workers.rollout.vllm_rollout.vllm_async_server`: two runs on one machine share a
socket.

New weights go to the rollout engine through a socket in /tmp that has the id of Ray's job in its name. Every run that
starts a Ray of its own has the id 01000000. Two of them at a time bind the same name, and the engine of one takes the
weights of the other: where the shapes fit, without a word. With the patch the name has Ray's address too, here and in
`verl_vllm_sockets_of_actor`, which is the other end.
"""

import functools
import inspect
import os


def needed(vllm_async_server) -> bool:
    return "gcs_address" not in inspect.getsource(vllm_async_server.vLLMHttpServer.__init__)


def apply(vllm_async_server) -> None:
    upstream = vllm_async_server.vLLMHttpServer.__init__

    @functools.wraps(upstream)
    def __init__(self, *args, **kwargs):
        upstream(self, *args, **kwargs)
        os.environ["VERL_RAY_JOB_ID"] = run_id()  # the engine is a child that starts later

    vllm_async_server.vLLMHttpServer.__init__ = __init__


def run_id() -> str:
    """Of a job of this Ray, and of no other one on the machine."""
    import ray

    context = ray.get_runtime_context()
    return f"{context.get_job_id()}-{context.gcs_address.replace(':', '-')}"
