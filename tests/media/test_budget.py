"""Sizes are LLaMA-Factory's to the pixel, tokens those of the real processors."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from firsthand.media.budget import image_tokens, video_tokens, within

TINY = Path(__file__).parents[2] / "models/tiny_qwen3_vl"
sides = st.integers(32, 300)


@pytest.mark.parametrize("plugin_name", ["qwen2_vl", "qwen3_vl"])
@settings(max_examples=40)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 5000), st.integers(784, 600_000))
@example(1280, 720, 1024, 589_824)
@example(10, 10, 1024, 589_824)
@example(20, 1400, 256, 65_536)
@example(3000, 5, 1, 10_000)
@example(1, 3000, 1, 600_000)
def test_sizes_are_llamafactorys(plugin_name, width, height, min_pixels, max_pixels):
    mm_plugin = pytest.importorskip("llamafactory.data.mm_plugin")
    plugin = mm_plugin.get_mm_plugin(plugin_name, image_token="<|image_pad|>", video_token="<|video_pad|>")
    image = Image.new("L", (width, height))
    try:
        expected = plugin._preprocess_image(image, image_max_pixels=max_pixels, image_min_pixels=min_pixels).size
    except ValueError:  # a line of pixels becomes none, which no row survives
        return
    assert within(width, height, (min_pixels, max_pixels)) == expected


def test_without_a_budget_a_size_stays():
    assert within(640, 480, None) == (640, 480)


@pytest.fixture(scope="module")
def processors():
    """(side of a token, does a limit count the whole video, image processor, video processor).

    Some have narrow limits, so that all of their branches are met.
    """
    from transformers import AutoProcessor
    from transformers.models.qwen2_vl import Qwen2VLImageProcessor, Qwen2VLVideoProcessor
    from transformers.models.qwen3_vl import Qwen3VLVideoProcessor

    tiny = AutoProcessor.from_pretrained(TINY)
    size = {"shortest_edge": 4 * 28 * 28, "longest_edge": 30 * 28 * 28}
    narrow = Qwen3VLVideoProcessor(size={"shortest_edge": 9000, "longest_edge": 90000})
    return [
        (32, True, tiny.image_processor, tiny.video_processor),
        (32, True, tiny.image_processor, narrow),
        (28, False, Qwen2VLImageProcessor(size=size), Qwen2VLVideoProcessor(size=size)),
    ]


def limits(processor) -> tuple[int, int]:
    return processor.size["shortest_edge"], processor.size["longest_edge"]


@settings(max_examples=20)
@given(width=sides, height=sides, frames=st.integers(1, 9))
def test_tokens_are_those_of_the_processors(processors, width, height, frames):
    import torch

    for side, whole, images, videos in processors:
        picture = torch.zeros((3, height, width), dtype=torch.uint8)
        grid = images(picture, return_tensors="pt")["image_grid_thw"]
        assert image_tokens(width, height, side, limits(images)) == grid.prod() // 4
        film = picture.expand(frames, 3, height, width)
        grid = videos(film, do_sample_frames=False, return_tensors="pt")["video_grid_thw"]
        assert video_tokens(frames, width, height, side, limits(videos), whole) == grid.prod() // 4


def test_known_counts():
    assert image_tokens(1280, 720, 32) == 40 * 22
    assert video_tokens(16, 448, 448, 28) == video_tokens(15, 448, 448, 28) == 8 * 16 * 16
