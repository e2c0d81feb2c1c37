"""Patches `torchcodec._internally_replaced_utils.load_image_library`: it raises OSError where importers expect
ImportError.

torchcodec is optional for the packages that import it, such as vLLM, but they catch ImportError. A CUDA build beside a
CPU-only torch raises OSError, so an optional package makes its importer fail. With the patch, it raises an ordinary
ImportError, and the importers fall back to PyAV or OpenCV.
"""

import functools

from firsthand.training.patches import built_for_another_torch


def needed(utils) -> bool:
    return built_for_another_torch(utils.load_image_library)


def apply(utils) -> None:
    load = utils.load_image_library

    @functools.wraps(load)
    def load_image_library():
        try:
            load()
        except OSError as error:
            raise ImportError(f"torchcodec was built for another torch: {error}") from error

    utils.load_image_library = load_image_library
