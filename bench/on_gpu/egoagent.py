"""EgoAgent's two stages: images a second beside the bare trunk, and the memory at its peak against the cost model's.

On a GPU at 300M in bfloat16; the `model` of the other parts is not used. Tiny on a CPU, where memory is not measured.
"""

import argparse
import tempfile

PACKAGES = ("torch", "transformers", "accelerate")


def run(model: str, tiny: bool) -> None:
    import torch

    import egoagent  # bench/egoagent.py: the folder of bench/gpu.py is the first that is looked in

    size, images, clips, steps = ("tiny", 4, 2, 1) if tiny else ("300m", 32, 16, 10)
    for stage in ("stage1", "stage2"):
        torch.manual_seed(0)
        if not tiny:
            torch.cuda.reset_peak_memory_stats()
        given = argparse.Namespace(size=size, images=images, clips=clips, steps=steps, teraflops=989)
        egoagent.measure(stage, given)
        with tempfile.TemporaryDirectory() as out:
            print(f"    memory: {_memory(egoagent.recipe_of(stage, given, out))}")


def _memory(recipe) -> str:
    import torch

    from firsthand.egoagent.cost import GB, Shape, memory

    said = f"{sum(memory(Shape.of(recipe.model), recipe, 1).values()) / GB:.2f} GB by the cost model"
    if torch.cuda.is_available():
        said += f", {torch.cuda.max_memory_allocated() / GB:.2f} GB at the peak"
    return said
