"""Patches of upstream: one small file each, named after the upstream symbol, applied just after its module is imported.

A patch file has two functions. `needed(module)` looks at upstream and is False once upstream works without the patch;
`apply(module)` changes it. The import hook below runs them as soon as the upstream module has been imported, in every
process. So a patch never causes an import of a framework, and costs one dictionary lookup per import.

The patches are installed in three ways. On a machine without an accelerator the veRL and vLLM plugins call `install()`
in each of their processes. On any other machine a recipe asks for VERL by naming firsthand.training.video_prompts.
Programs that load no plugin (`llamafactory-cli`, `vllm serve`) get PROGRAMS from a `.pth` file, which
`python -m firsthand.training.patches install` writes. FIRSTHAND_PATCHES=off switches all of them off.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

# patch (a file beside this one) -> the upstream module that it changes
WHEELS = {  # needed where these wheels were built for another torch than the installed one
    "torchvision_nms": "torchvision.extension",
    "torchaudio_load_lib": "torchaudio._extension.utils",
    "torchcodec_load_image_library": "torchcodec._internally_replaced_utils",
    "vllm_cli_main": "vllm.entrypoints.cli.main",
}
QWEN3_5 = {  # needed on every machine, in every process that trains or saves a model
    "transformers_qwen3_5_names": "transformers.conversion_mapping",
    "transformers_gated_delta_rule": "transformers.models.qwen3_5.modeling_qwen3_5",
}
SFT = {  # needed wherever the Trainer of transformers trains
    "transformers_compute_loss": "transformers.trainer",
}
VERL = {  # needed on every machine
    "verl_vllm_generate": "verl.workers.rollout.vllm_rollout.vllm_async_server",
    "verl_vllm_sampled_media": "verl.workers.rollout.vllm_rollout.vllm_async_server",
    "verl_vllm_sockets": "verl.workers.rollout.vllm_rollout.vllm_async_server",
    "verl_vllm_sockets_of_actor": "verl.workers.rollout.vllm_rollout.vllm_rollout",
    "verl_file_logger": "verl.utils.tracking",
    "verl_get_trainer_cls": "verl.trainer.ppo.v1.trainer_base",
    "verl_load_valuehead_model": "verl.utils.model",
    "transformers_merge_kwargs": "transformers.processing_utils",
    "verl_qwen2_vl_attn_forward": "verl.models.transformers.qwen2_vl",
    "verl_qwen2_vl_get_input_embeds": "verl.models.transformers.qwen2_vl",
}
VERL_ON_CPU = {  # on a GPU they are not needed, or wrong
    "verl_initialize_global_process_group_ray": "verl.utils.distributed",
    "verl_logprobs_from_logits_v2": "verl.utils.torch_functional",
    "verl_cpu_offload_policy": "verl.workers.engine.fsdp.transformer_impl",
    "verl_get_ppo_ray_runtime_env": "verl.trainer.constants_ppo",
    "vllm_distribution": "verl",
    "vllm_dispatch_cpu_unquantized_gemm": "vllm.model_executor.layers.utils",
}
PROGRAMS = WHEELS | QWEN3_5 | SFT
PATCHES = PROGRAMS | VERL | VERL_ON_CPU

applied: dict[str, bool] = {}  # what this process has decided so far
_watched: dict[str, list[str]] = {}  # upstream module -> its patches


def patch(name: str, module: ModuleType) -> None:
    """Apply the patch `name` to its freshly imported upstream module, if this environment needs it."""
    this = importlib.import_module(f"{__name__}.{name}")
    applied[name] = this.needed(module)
    if applied[name]:
        this.apply(module)


def built_for_another_torch(load: Callable[[], object]) -> bool:
    """Whether a compiled library does not load here: one that was built for CUDA does not, beside a CPU-only torch."""
    import torch

    if torch.accelerator.current_accelerator() is not None:
        return False
    try:
        load()
    except OSError:
        return True
    return False


class _AfterImport:
    """A finder that lets the other finders find a module, and adds the patches to its loader."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in _watched:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                break
        else:
            return None
        loader: Any = spec.loader
        load = loader.exec_module

        def load_then_patch(module):
            load(module)
            for name in _watched[fullname]:
                patch(name, module)

        loader.exec_module = load_then_patch
        return spec


_finder = _AfterImport()


def install(names: Iterable[str] = tuple(PATCHES)) -> None:
    """Patch the modules that are imported already, and the others as they are imported. A second call does nothing."""
    if "off" in (os.environ.get("FIRSTHAND_PATCHES"), os.environ.get("FIRSTHAND_MENDS")):  # the second: its old name
        return
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    for name in names:
        watching = _watched.setdefault(PATCHES[name], [])
        if name not in watching:
            watching.append(name)
            if PATCHES[name] in sys.modules:
                patch(name, sys.modules[PATCHES[name]])
