"""The entry point that veRL imports at `import verl`: on a machine without an accelerator it selects the CPU platform.

It looks at what torch was built for, not at what this process can see: Ray hides the GPUs from processes that do not
need one, and such a process must not mistake a GPU node for a CPU. With an accelerator, or with another platform in
VERL_PLATFORM, it does nothing.
"""

import logging
import os

import torch

ENV = {
    "VERL_PLATFORM": "cpu",
    # Engines are registered for "cuda" and "npu" only; the FSDP engine of "cuda" runs on whatever the platform says.
    "VERL_ENGINE_DEVICE": "cuda",
    # Compiling a sampler for a vocabulary takes longer than a tiny run, and happens in vLLM even with enforce_eager.
    "TORCHDYNAMO_DISABLE": "1",
    # TransferQueue switches torch to 8 threads around every message, and warns when there are fewer cores.
    "TQ_NUM_THREADS": "1",
}


def activate() -> None:
    for name, value in ENV.items():
        os.environ.setdefault(name, value)
    from firsthand.training import cpu_platform, patches  # noqa: F401 (importing the platform registers it)

    patches.install()


if torch.accelerator.current_accelerator() is None and os.environ.get("VERL_PLATFORM", "cpu").lower() == "cpu":
    try:
        activate()
    except Exception:
        # veRL silently drops a plugin that fails; the run would then fail much later, looking for a GPU.
        logging.getLogger(__name__).exception("the CPU platform for veRL could not be set up")
        raise
