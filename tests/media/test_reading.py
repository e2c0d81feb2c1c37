"""Media are read by LLaMA-Factory's rule of sizes, and what is no image is an error that names it."""

import inspect
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from firsthand.data.leaks.image_hash import image_hash
from firsthand.errors import UserError
from firsthand.media.decode import Broken
from firsthand.media.reading import read_clip, read_image, read_video, read_video_file

SIDE = st.integers(1, 1500)
STEADY = [i / 20 for i in range(120)]
UNEVEN = [*[i / 20 for i in range(30)], *[1.5 + i / 5 for i in range(30)], 8.95]
FILES = {
    "steady": (STEADY, {}),
    "reordered": (STEADY[:115], {"bf": "3"}),
    "cinema": ([i / 24 for i in range(120)], {"bf": "3"}),
    "uneven": (UNEVEN, {"bf": "2"}),
    "a late first frame": ([0.5 + time for time in STEADY], {}),
}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    for name, size in {"frame0": (128, 96), "frame1": (128, 96), "frame2": (128, 96), "odd0": (100, 70)}.items():
        Image.effect_noise(size, 50).convert("RGB").save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.fixture(scope="module")
def plugin():
    mm_plugin = pytest.importorskip("llamafactory.data.mm_plugin")
    return mm_plugin.get_mm_plugin("qwen3_vl", image_token="<|image_pad|>", video_token="<|video_pad|>")


@settings(max_examples=60)
@given(SIDE, SIDE, st.integers(28 * 28, 600_000), st.integers(1, 5000))
@example(1280, 720, 65536, 256)
@example(10, 10, 65536, 1024)
@example(20, 1400, 65536, 256)
@example(1400, 3, 65536, 256)
def test_sizes_are_llamafactorys(plugin, width: int, height: int, max_pixels: int, min_pixels: int) -> None:
    image = Image.effect_noise((width, height), 50)  # grey, so that the conversion counts too
    try:
        expected = plugin._preprocess_image(image, image_max_pixels=max_pixels, image_min_pixels=min_pixels)
    except ValueError:  # a line of pixels becomes none
        return
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


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("fps", "max_frames"), [(2.0, 128), (1.0, 5), (0.01, 3), (20.0, 500)])
def test_files_are_sampled_as_llamafactory_does(plugin, videos, number_of, name, fps, max_frames) -> None:
    """Its very frames at its very times; the videos are those whose frames say their number."""
    times, options = FILES[name]
    path = videos.make("video.mp4", times, **options)
    theirs = plugin._regularize_videos(
        [str(path)], video_fps=fps, video_maxlen=max_frames, image_max_pixels=5000, image_min_pixels=16 * 16
    )
    clip = read_clip(path, fps, max_frames, max_pixels=5000)
    frames = theirs["videos"][0][: len(clip.frames)]  # it doubles the last of an odd number
    assert [frame.tobytes() for frame in clip.frames] == [frame.tobytes() for frame in frames]
    dated = [number / clip.rate for number in clip.numbers]
    assert dated == pytest.approx([at / fps for at in theirs["frames_indices"][0]], rel=1e-15)
    assert fps > 2 or dated == [at / fps for at in theirs["frames_indices"][0]]
    whole = read_clip(path, fps, max_frames)
    assert [number_of(np.asarray(frame)) for frame in whole.frames] == whole.numbers == clip.numbers


def test_a_file_says_when_its_frames_were(videos) -> None:
    frames, facts = read_video_file(videos.make("video.mp4", STEADY), fps=0.5, max_frames=9)
    assert frames.shape == (3, 3, 64, 96) and str(frames.dtype) == "torch.uint8"
    assert facts == {"fps": 20.0, "frames_indices": [0, 59, 119], "total_num_frames": 120}


def test_a_short_file_shows_as_many_frames_as_are_asked_for(videos, number_of) -> None:
    """More of its frames than `fps` would, and where it has no more, some twice, at their own times."""
    path = videos.make("video.mp4", STEADY)
    for fps, least, most, numbers in (
        (0.5, 1, 16, [0, 59, 119]),
        (0.5, 5, 16, [0, 29, 59, 89, 119]),
        (20.0, 4, 4, [0, 39, 79, 119]),
    ):
        clip = read_clip(path, fps, most, max_pixels=10**6, min_frames=least)
        assert clip.numbers == numbers == [number_of(np.asarray(frame)) for frame in clip.frames]
    short = videos.make("short.mp4", STEADY[:3])
    clip = read_clip(short, 2.0, 8, max_pixels=10**6, min_frames=8)
    assert clip.numbers == [0, 0, 0, 0, 1, 1, 1, 2] == [number_of(np.asarray(frame)) for frame in clip.frames]


def test_files_that_cannot_be_sampled_are_named(videos) -> None:
    cut = videos.cut(videos.make("cut.mp4", STEADY, header_first=True), 0.6)
    for path, why in (
        (videos.make("a.mkv", STEADY), "a.mkv: does not say how many frames it has"),
        (cut, "cut.mp4: (holds .* frames, not the 120 that it declares|.*damaged|.*Invalid)"),
        (videos.make_sound("sound.mp4"), "sound.mp4: no video stream"),
    ):
        with pytest.raises(Broken, match=why):
            read_clip(path)


def _bomb() -> bytes:
    """A PNG that says it is larger than Pillow reads."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def _jpeg() -> bytes:
    buffer = BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "JPEG")
    return buffer.getvalue()


DAMAGED = {"cut": _jpeg()[:-300], "bomb": _bomb(), "text": b"<html>", "nothing": b"", "magic only": b"\xff\xd8\xff"}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_image_is_one_message_wherever_it_is_opened(tmp_path: Path, kind: str) -> None:
    """Pillow decodes late, and each fault of a file has an exception of its own."""
    (path := tmp_path / "a.jpg").write_bytes(DAMAGED[kind])
    with pytest.raises(UserError, match=r"a\.jpg: not a readable image"):
        read_image(path)
    with pytest.raises(UserError, match=r"a\.jpg: not a readable image"):
        image_hash(path)


def test_of_a_span_nothing_is_shown_from_its_end_on(videos, number_of) -> None:
    """At 20 frames a second, frame 30 comes at 1.5 s: that very moment is not in a span that ends there."""
    path = videos.make("video.mp4", STEADY)
    for span, fps, most, numbers in (
        ((0.0, 1.5), 20.0, 500, list(range(30))),
        ((1.0, 1.5), 4.0, 500, [20, 29]),
        ((0.0, 0.01), 2.0, 500, [0]),
        ((5.9, 99.0), 20.0, 500, [118, 119]),
        ((0.0, 6.0), 20.0, 3, [0, 59, 119]),
    ):
        clip = read_clip(path, fps, most, max_pixels=10**6, span=span)
        assert clip.numbers == numbers == [number_of(np.asarray(frame)) for frame in clip.frames]
        assert clip.facts["frames_indices"] == numbers, "times are those of the whole video"
    with pytest.raises(UserError, match=r"video\.mp4: has no frame from 7 s to 8 s, it is 6\.0 s long"):
        read_clip(path, span=(7.0, 8.0))
