"""The frame on show at a time is found exactly, whatever the rate, the codec and the way to it."""

import io
import math

import numpy as np
import pytest
from av.video.reformatter import Colorspace
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from firsthand.media.budget import shrunk
from firsthand.media.decode import Broken, opened
from firsthand.media.pixels import JpegEncoder, rgb, shrink

STEADY = [i / 20 for i in range(120)]
CINEMA = [i / 24 for i in range(120)]
UNEVEN = [0.0, 0.1, 0.7, 0.75, 2.5, 2.55, 2.6, 4.0, 5.9, 6.0, 6.05, 8.95]
LAYOUTS = {
    "steady": (STEADY, {}),
    "reordered": (STEADY, {"bf": "3"}),
    "cinema": (CINEMA, {"bf": "3"}),
    "uneven": (UNEVEN, {"bf": "2"}),
    "no mp4": (UNEVEN, {"suffix": ".mkv"}),
    "open groups, 10 bits": (
        STEADY,
        {"codec": "libx265", "layout": "yuv420p10le", "x265-params": "log-level=none:open-gop=1:keyint=25:bframes=3"},
    ),
}
loose = settings(max_examples=15)


@pytest.fixture(params=LAYOUTS, scope="module")
def video(request, make_videos, tmp_path_factory):
    times, options = LAYOUTS[request.param]
    options, videos = dict(options), make_videos(tmp_path_factory.mktemp("layout") / "videos")
    return videos.make("video" + options.pop("suffix", ".mp4"), times, **options), times


def on_show(times: list[float], asked: float) -> int:
    """The truth: the last frame that is not after the time."""
    return max(i for i, time in enumerate(times) if round(time * 1000) <= asked * 1000 + 0.01)


@loose
@given(asked=st.lists(st.integers(0, 200).map(lambda frames: frames / 20), min_size=1, max_size=6))
def test_frames_at_any_times(video, number_of, asked):
    path, times = video
    with opened(path) as opened_video:
        found = opened_video.at(asked)
    assert [number_of(rgb(one.frame)) for one in found] == [on_show(times, time) for time in asked]
    assert [one.since for one in found] == pytest.approx([times[on_show(times, time)] for time in asked], abs=1e-3)


@pytest.mark.parametrize("fps", [1, 3, 0.5, 20])
def test_frames_at_a_rate(video, number_of, fps):
    path, times = video
    with opened(path, threads=2) as opened_video:
        found = list(opened_video.sample(fps))
        end = opened_video.end
    asked = [round(i / fps * 20) / 20 for i in range(math.ceil(end * fps - 1e-6))]
    assert [one.asked for one in found] == asked
    assert [number_of(rgb(one.frame)) for one in found] == [on_show(times, time) for time in asked]
    assert all(one.since <= one.asked + 1e-4 for one in found)
    assert times[-1] < end < times[-1] + 3.1


@pytest.mark.parametrize(("degrees", "corner"), [(90, "upper right"), (180, "lower right"), (270, "lower left")])
def test_frames_are_upright(videos, degrees, corner):
    path = videos.turn(videos.make("turned.mp4", STEADY[:20]), degrees)
    with opened(path) as video:
        [shown] = video.at([0.5])
    jpeg = np.asarray(Image.open(io.BytesIO(JpegEncoder().encode(shown.frame))))
    for pixels in (rgb(shown.frame), jpeg):
        assert pixels.shape[:2] == ((64, 96) if degrees == 180 else (96, 64))
        red = pixels[:, :, 0].astype(int) - pixels[:, :, 1]
        corners = {
            "upper left": red[:8, :8],
            "upper right": red[:8, -8:],
            "lower left": red[-8:, :8],
            "lower right": red[-8:, -8:],
        }
        assert max(corners, key=lambda name: corners[name].mean()) == corner


@pytest.mark.parametrize("colorspace", [None, Colorspace.ITU709, Colorspace.ITU601])
@pytest.mark.parametrize("layout", ["yuv420p", "yuv444p", "yuvj420p"])
def test_colours_are_those_that_were_filmed(videos, colorspace, layout):
    path = videos.make("colours.mp4", [0.0, 0.05], layout=layout, colorspace=colorspace, crf="10")
    with opened(path) as video:
        [shown] = video.at([0.0])
    jpeg = np.asarray(Image.open(io.BytesIO(JpegEncoder().encode(shown.frame))))
    for pixels in (rgb(shown.frame), jpeg):
        assert np.abs(pixels[4:16, 4:24].mean((0, 1)) - (200, 30, 40)).max() < 5
        assert np.abs(pixels[4:16, 40:90].mean((0, 1)) - 110).max() < 4


def test_broken_videos_say_what_is_wrong(videos):
    empty = videos.folder / "empty.mp4"
    empty.touch()
    text = videos.folder / "text.mp4"
    text.write_text("<html>404</html>" * 100)
    cases = {
        empty: "an empty file",
        text: "Invalid data",
        videos.folder / "missing.mp4": "No such file",
        videos.folder: "Is a directory|empty file",
        videos.make_sound("sound.mp4"): "no video stream",
        videos.cut(videos.make("no_header.mp4", STEADY), 0.6): "Invalid data",
        videos.cut(videos.make("cut.mp4", STEADY, header_first=True), 0.6): "ends after|damaged|Invalid data",
        videos.cut(videos.make("cut.mkv", STEADY), 0.5): "ends after|damaged|Invalid data",
    }
    for path, reason in cases.items():
        with pytest.raises(Broken, match=reason) as error, opened(path) as video:
            list(video.sample(1))
        assert str(path) in str(error.value)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(16, 10**6))
def test_sizes_within_a_budget(width, height, max_pixels):
    made = shrunk(width, height, max_pixels)
    assert math.prod(made) <= max(max_pixels, max(made))  # a line of pixels cannot be thinner than one
    assert made == (width, height) or math.prod(made) > 0.5 * max_pixels - max(made)
    assert shrunk(width, height, None) == (width, height)


def test_small_copies(videos):
    with opened(videos.make("a.mp4", [0.0, 0.05])) as video:
        jpeg = JpegEncoder(24 * 16).encode(video.at([0.0])[0].frame)
        whole = JpegEncoder().encode(video.at([0.0])[0].frame)
    assert Image.open(io.BytesIO(jpeg)).size == Image.open(io.BytesIO(shrink(whole, 24 * 16))).size == (24, 16)
    assert shrink(whole, None) == shrink(whole, 96 * 64) == whole
