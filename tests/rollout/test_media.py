"""Media are read by LLaMA-Factory's rule of sizes, and what is no image is an error that names it."""

import inspect
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from firsthand.errors import UserError
from firsthand.rollout.media import read_image, read_video

SIDE = st.integers(1, 1500)


@pytest.fixture(scope="module")
def plugin():
    mm_plugin = pytest.importorskip("llamafactory.data.mm_plugin")
    return mm_plugin.get_mm_plugin("qwen3_vl", image_token="<|image_pad|>", video_token="<|video_pad|>")


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, st.integers(28 * 28, 600_000), st.integers(1, 5000))
@example(1280, 720, 65536, 256)
@example(10, 10, 65536, 1024)
@example(20, 1400, 65536, 256)
def test_sizes_are_llamafactorys(plugin, width: int, height: int, max_pixels: int, min_pixels: int) -> None:
    if max(width, height) > 100 * min(width, height) or min_pixels > max_pixels:
        return  # no processor takes the first, no recipe asks for the second
    image = Image.effect_noise((width, height), 50)  # grey, so that the conversion counts too
    expected = plugin._preprocess_image(image, image_max_pixels=max_pixels, image_min_pixels=min_pixels)
    given = read_image(image, max_pixels, min_pixels)
    assert (given.size, given.mode) == (expected.size, "RGB")
    assert given.tobytes() == expected.tobytes()


def test_budgets_left_out_are_llamafactorys(plugin) -> None:
    from llamafactory.hparams import ModelArguments

    for reader, medium in ((read_image, "image"), (read_video, "video")):
        for limit in ("max_pixels", "min_pixels"):
            default = inspect.signature(reader).parameters[limit].default
            assert default == ModelArguments.__dataclass_fields__[f"{medium}_{limit}"].default


def test_what_lies_within_its_budget_is_not_touched(media: Path) -> None:
    path = media / "odd0.png"
    assert read_image(path).tobytes() == Image.open(path).tobytes()


def test_a_video_says_when_its_frames_were(media: Path) -> None:
    frames, facts = read_video([media / f"frame{number}.png" for number in range(3)], 0.5)
    assert frames.shape == (3, 3, 96, 128) and str(frames.dtype) == "torch.uint8"
    assert facts == {"fps": 0.5, "frames_indices": [0, 1, 2], "total_num_frames": 3}


def test_bad_media_are_named(media: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    for path, message in (
        (tmp_path / "none.jpg", "none.jpg: not a readable"),
        (tmp_path / "notes.txt", "notes.txt: not"),
    ):
        with pytest.raises(UserError, match=message):
            read_image(path)
    with pytest.raises(UserError, match=r"must all have one size; see .*frame0\.png"):
        read_video([media / "frame0.png", media / "odd0.png"], 2.0)
