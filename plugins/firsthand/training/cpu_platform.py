"""The CPU as a veRL platform, so that the stock trainer, actor and rollout run where there is no accelerator.

Ray's placement groups need an accelerator, so one logical "GPU" stands for the CPU. `ray_kwargs.ray_init.num_gpus` in
recipes/shared/cpu.yaml declares it, and nothing checks what it is. Streams, caches and profilers do nothing. Memory
figures are those of the process.
"""

import os
import resource
from contextlib import nullcontext

import psutil
import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry

# For the rollout engine; the shell may override each. A small KV cache; threads that are not pinned, since others need
# the cores too; and one process less: the engine runs the model itself (recipes/shared/cpu.yaml asks for it).
ROLLOUT_ENV = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


def _nothing(self, *arguments, **options) -> None:
    """For streams, caches and profilers, which a CPU does not have."""


class CpuDevice:
    """`torch.cpu`, and the calls that veRL makes on every device module but torch.cpu does not have."""

    empty_cache = _nothing
    set_rng_state = staticmethod(torch.set_rng_state)

    def __getattr__(self, name):
        return getattr(torch.cpu, name)

    def get_device_name(self, index=None):
        return "CPU"

    def memory_allocated(self, device=None):
        return psutil.Process().memory_info().rss

    memory_reserved = memory_allocated

    def max_memory_allocated(self, device=None):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    max_memory_reserved = max_memory_allocated

    def mem_get_info(self, device=None):
        memory = psutil.virtual_memory()
        return memory.available, memory.total


@PlatformRegistry.register(platform="cpu")
class PlatformCPU(PlatformBase):
    device_name = "cpu"
    vendor_name = "cpu"
    device_module = CpuDevice()

    set_device = synchronize = set_allocator_settings = empty_cache = _nothing
    profiler_start = profiler_stop = cudart = _nothing
    nvtx_range = staticmethod(nullcontext)
    manual_seed = manual_seed_all = staticmethod(torch.manual_seed)

    def is_available(self):
        return True

    def current_device(self):
        return torch.device("cpu")  # an index, which other platforms return, would mean an accelerator to torch

    def device_count(self):
        return 1

    def get_device_capability(self, device_index=0):
        return None, None

    def communication_backend_name(self):
        return "gloo"

    def visible_devices_envvar(self):
        return "CUDA_VISIBLE_DEVICES"  # Ray sets it for the logical GPU

    def ray_resource_name(self):
        return "GPU"

    def ray_noset_envvars(self):
        return []

    def is_ipc_supported(self):
        return False  # weights travel to the rollout through shared memory

    def rollout_env_vars(self):
        chosen = {name: os.environ.get(name, value) for name, value in ROLLOUT_ENV.items()}
        return {**chosen, "OMP_NUM_THREADS": "1"}  # one token is a small product: a second thread only waits
