"""What a store says was on show, and when nobody was recording."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from firsthand import clock
from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.media.extract import extract
from firsthand.media.store import FrameStore

START = clock.parse("DAY1_23595000")
CLIPS = ((0.0, 10), (10.5, 8), (25.0, 5))  # seconds after the start, length: a step of half a second, a gap of 6.5
MOMENTS = [clock.plus(START, begin + second) for begin, length in CLIPS for second in range(length)]
loose = settings(max_examples=60)
moments = st.integers(-40, 700).map(lambda frames: clock.plus(START, frames / 20))


@pytest.fixture(scope="module")
def store(tmp_path_factory, make_videos) -> FrameStore:
    """Jake over midnight, at one frame a second, and a film."""
    folder = tmp_path_factory.mktemp("store")
    videos = make_videos(folder / "videos")
    for begin, length in CLIPS:
        start = clock.plus(START, begin)
        videos.make(f"{clock.date(start)}_A1_JAKE_{clock.time(start)}.mp4", [i / 20 for i in range(length * 20)])
    videos.make("film.mp4", [0.0, 0.5])
    extract(videos.folder, folder / "frames", 1.0)
    return FrameStore(folder / "frames")


def test_sources_and_recorded_time(store):
    assert store.sources() == ["A1_JAKE", "film"]
    ends = [(clock.plus(START, begin), clock.plus(START, end)) for begin, end in ((0, 18.5), (25, 30))]
    assert store.spans("A1_JAKE") == ends
    with pytest.raises(UserError, match="no source 'A2_ALICE'; it has A1_JAKE, film"):
        store.spans("A2_ALICE")


@loose
@given(moments)
def test_the_frame_on_show(store, number_of, moment):
    before = [shot for shot in MOMENTS if moment - 1 <= shot <= moment]
    after = [shot for shot in MOMENTS if moment < shot <= moment + 1]
    if before or after:
        expected = before[-1] if before else after[0]
        frame = store.frame("A1_JAKE", moment)
        assert (frame.source, frame.moment) == ("A1_JAKE", expected)
        pixels = np.asarray(Image.open(io.BytesIO(frame.jpeg())))
        begin = max(begin for begin, _ in CLIPS if clock.plus(START, begin) <= expected)
        assert number_of(pixels) == clock.frame_at(clock.plus(START, begin), expected)
    else:
        with pytest.raises(UserError, match="nearest recorded times: DAY") as error:
            store.frame("A1_JAKE", moment)
        near = [shot for shot in MOMENTS if shot <= moment][-1:] + [shot for shot in MOMENTS if shot > moment][:1]
        assert all(clock.stamp(shot) in str(error.value) for shot in near)


@loose
@given(moments, moments, st.none() | st.integers(1, 30), st.none() | st.sampled_from([0.1, 0.3, 0.5, 1.0, 20.0]))
def test_frames_of_a_range(store, start, end, count, fps):
    found = [frame.moment for frame in store.frames("A1_JAKE", start, end, count=count, fps=fps)]
    recorded = [shot for shot in MOMENTS if start <= shot <= end]
    assert found == sorted(set(found)) and set(found) <= set(recorded)
    if fps is None:
        assert len(found) == min(count or 99, len(recorded))
    elif count is None:
        assert found[:1] == recorded[:1]
        assert len(found) <= max(0, end - start) * fps + 1
        assert found == recorded or fps < 1 or recorded[-1] > MOMENTS[9]  # at 1 fps nothing is lost within a clip


def test_frames_are_spread_evenly(store):
    def seconds(**how):
        return [frame.moment - START for frame in store.frames("A1_JAKE", START, clock.plus(START, 10), **how)]

    assert seconds() == list(range(10))
    assert seconds(count=1) == [5]
    assert seconds(count=2) == [2, 7]
    assert seconds(count=5) == [1, 3, 5, 7, 9]
    assert seconds(fps=0.5) == [0, 2, 4, 6, 8]
    assert seconds(fps=0.3) == [0, 4, 7]
    assert seconds(fps=0.5, count=2) == [2, 6]
    assert store.frames("A1_JAKE", clock.plus(START, 19.5), clock.plus(START, 24)) == []
    assert store.frames("A2_ALICE", START, clock.plus(START, 5)) == []


def test_a_frame_is_a_file_of_the_store(store):
    frame = store.frame("film", clock.of_elapsed(0.4))
    assert frame.path == store.root.resolve() / "film/DAY1_00000000/DAY1_00000000.jpg"
    assert frame.jpeg() == frame.path.read_bytes()
    assert Image.open(io.BytesIO(frame.jpeg(1000))).size == (38, 25)


def test_a_store_that_is_damaged_says_so(store, tmp_path):
    with pytest.raises(UserError, match="no frame store; make one with"):
        FrameStore(tmp_path).sources()
    (tmp_path / "index.sqlite").write_text("no database" * 1000)
    with pytest.raises(UserError, match="not a readable index"):
        FrameStore(tmp_path).sources()
    frame = store.frame("film", clock.of_elapsed(0.0))
    content = frame.path.read_bytes()
    frame.path.unlink()
    with pytest.raises(UserError, match="no such file"):
        store.frame("film", clock.of_elapsed(0.0))
    frame.path.write_bytes(content)


def test_many_threads_read_and_no_handle_stays_open(store):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: store.frame("A1_JAKE", MOMENTS[i % len(MOMENTS)]).moment, range(200)))
    assert found == [MOMENTS[i % len(MOMENTS)] for i in range(200)]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_commands_show_and_write(store, tmp_path):
    shown = CliRunner().invoke(app, ["media", "show", str(store.root)], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    assert "DAY1_23595000" in shown.output and "DAY2_00000810" in shown.output and " 18 " in shown.output
    out = tmp_path / "x.jpg"
    run = CliRunner().invoke(app, ["media", "frame", str(store.root), "A1_JAKE", "DAY2_00000000", "--out", str(out)])
    assert run.exit_code == 0 and "DAY1_23595900" in run.output
    assert out.read_bytes() == store.frame("A1_JAKE", clock.midnight(2)).jpeg()
    gap = ["media", "frame", str(store.root), "A1_JAKE", "DAY2_00001100", "--out", str(out)]
    run = CliRunner().invoke(app, gap)
    assert run.exit_code == 1 and "DAY2_00000710 and DAY2_00001500" in run.output
