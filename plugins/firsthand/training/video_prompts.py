"""Importing this patches veRL's prompts with videos (patches/verl_vllm_generate.py) and what saves a model, on a GPU as
well as on a CPU.

The plugin changes nothing on a machine with an accelerator, so a recipe with videos asks for the patch itself:

    ray_kwargs.ray_init.runtime_env.env_vars: {VERL_USE_EXTERNAL_MODULES: firsthand.training.video_prompts}
"""

from firsthand.training import patches

patches.install(patches.QWEN3_5 | patches.VERL)
