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


def _always(answer):
    """A method with one answer, whatever it is asked. Streams, caches and profilers, which a CPU lacks, answer None."""
    return lambda self, *arguments, **options: answer


class CpuDevice:
    """`torch.cpu`, and the calls that veRL makes on every device module but torch.cpu does not have."""

    get_device_name = _always("CPU")
    empty_cache = _always(None)
    set_rng_state = staticmethod(torch.set_rng_state)

    def __getattr__(self, name):
        return getattr(torch.cpu, name)

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

    is_available = _always(True)
    device_count = _always(1)
    current_device = _always(torch.device("cpu"))  # an index, as others return, would mean an accelerator to torch
    get_device_capability = _always((None, None))
    set_device = synchronize = set_allocator_settings = empty_cache = _always(None)
    profiler_start = profiler_stop = cudart = _always(None)
    nvtx_range = staticmethod(nullcontext)
    manual_seed = manual_seed_all = staticmethod(torch.manual_seed)

    communication_backend_name = _always("gloo")
    visible_devices_envvar = _always("CUDA_VISIBLE_DEVICES")  # Ray sets it for the logical GPU
    ray_resource_name = _always("GPU")
    ray_noset_envvars = _always([])
    is_ipc_supported = _always(False)  # weights travel to the rollout through shared memory

    def rollout_env_vars(self):
        chosen = {name: os.environ.get(name, value) for name, value in ROLLOUT_ENV.items()}
        return {**chosen, "OMP_NUM_THREADS": "1"}  # one token is a small product: a second thread only waits
