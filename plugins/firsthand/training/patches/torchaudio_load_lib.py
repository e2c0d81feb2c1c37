"""Patches `torchaudio._extension.utils._load_lib`: it does not catch the failure of an optional library.

torchaudio works without its compiled library when the file is absent. A CUDA build has the file, but the file cannot
load beside a CPU-only torch. The OSError then fails `import torchaudio`, and with it LLaMA-Factory, which imports it
for every task. With the patch, a library that does not load counts as absent.
"""

import functools

from firsthand.training.patches import built_for_another_torch


def needed(utils) -> bool:
    return built_for_another_torch(lambda: utils._load_lib("_torchaudio"))


def apply(utils) -> None:
    load_lib = utils._load_lib

    @functools.wraps(load_lib)
    def absent_unless_it_loads(lib):
        try:
            return load_lib(lib)
        except OSError:
            return False

    utils._load_lib = absent_unless_it_loads
