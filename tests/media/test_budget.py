"""Token counts are those of the real processors, and what is said to fit fits."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firsthand.errors import UserError
from firsthand.media.budget import (
    QWEN2_5_VL,
    QWEN3_VL,
    frames_within,
    image_tokens,
    pixels_within,
    video_tokens,
    within,
)

TINY = Path(__file__).parents[2] / "models/tiny_qwen3_vl"
sides = st.integers(32, 300)
loose = settings(deadline=None, max_examples=40)


@pytest.fixture(scope="module")
def processors():
    """(vision, image processor, video processor); with narrow limits, so that all of their branches are met."""
    from transformers import AutoProcessor
    from transformers.models.qwen2_vl import Qwen2VLImageProcessor, Qwen2VLVideoProcessor
    from transformers.models.qwen3_vl import Qwen3VLVideoProcessor

    tiny = AutoProcessor.from_pretrained(TINY)
    size = {"shortest_edge": 4 * 28 * 28, "longest_edge": 30 * 28 * 28}
    return [
        (QWEN3_VL, tiny.image_processor, tiny.video_processor),
        (QWEN3_VL, tiny.image_processor, Qwen3VLVideoProcessor(size={"shortest_edge": 9000, "longest_edge": 90000})),
        (QWEN2_5_VL, Qwen2VLImageProcessor(size=size), Qwen2VLVideoProcessor(size=size)),
    ]


def limits(processor) -> tuple[int, int]:
    return processor.size["shortest_edge"], processor.size["longest_edge"]


@settings(deadline=None, max_examples=20)
@given(width=sides, height=sides, frames=st.integers(1, 9))
def test_tokens_are_those_of_the_processors(processors, width, height, frames):
    import torch

    for vision, images, videos in processors:
        picture = torch.zeros((3, height, width), dtype=torch.uint8)
        grid = images(picture, return_tensors="pt")["image_grid_thw"]
        assert image_tokens(vision, width, height, *limits(images)) == grid.prod() // 4
        film = picture.expand(frames, 3, height, width)
        grid = videos(film, do_sample_frames=False, return_tensors="pt")["video_grid_thw"]
        assert video_tokens(vision, frames, width, height, *limits(videos)) == grid.prod() // 4


@loose
@given(st.sampled_from([QWEN2_5_VL, QWEN3_VL]), st.integers(0, 20_000), st.integers(28, 2000), st.integers(28, 2000))
def test_as_many_frames_as_fit(vision, tokens, width, height):
    def cost(frames: int) -> int:
        return frames and video_tokens(vision, frames, width, height, 1, 2**62) + frames // 2 * vision.step_overhead

    frames = frames_within(vision, tokens, width, height)
    assert cost(frames) <= tokens < cost(frames + 2)


@loose
@given(
    st.sampled_from([QWEN2_5_VL, QWEN3_VL]),
    st.integers(1, 20_000),
    st.integers(1, 64),
    st.integers(28, 2000),
    st.integers(28, 2000),
)
def test_as_many_pixels_as_fit(vision, tokens, frames, width, height):
    def cost(max_pixels: int) -> int:
        size = within(width, height, max_pixels)
        return video_tokens(vision, frames, *size, 1, 2**62) + (frames + 1) // 2 * vision.step_overhead

    try:
        pixels = pixels_within(vision, tokens, frames, width, height)
    except UserError:
        assert cost(1) > tokens
        return
    assert cost(pixels) <= tokens
    assert pixels == width * height or cost(pixels + 1) > tokens


def test_known_budgets():
    assert image_tokens(QWEN3_VL, 1280, 720, 1, 2**62) == 40 * 22
    assert frames_within(QWEN3_VL, 8192, 448, 448) == 8192 // (14 * 14 + 12) * 2
    assert video_tokens(QWEN2_5_VL, 16, 448, 448, 1, 2**62) == 8 * 16 * 16
