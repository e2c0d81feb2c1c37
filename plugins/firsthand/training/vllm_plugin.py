"""The entry point that vLLM calls in each of its processes: the patches for a rollout engine that runs on the CPU.

They are only for engines that veRL started (which inherit VERL_PLATFORM=cpu). A vLLM that serves a model needs none.
"""

import os


def register() -> None:
    if os.environ.get("VERL_PLATFORM") == "cpu":
        from firsthand.training import patches

        patches.install()
