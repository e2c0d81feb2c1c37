"""A memory written by models behind a real server: what is asked, what is kept, what happens when they fail."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from firsthand import clock
from firsthand.errors import UserError
from firsthand.llm.price import read_prices
from firsthand.media.extract import extract
from firsthand.memory.asking import report
from firsthand.memory.building import Built, Model, Settings, build, build_on_ray
from firsthand.memory.jobs import find_jobs
from firsthand.memory.store import Store

COUNTS = {"30s": 26, "10min": 3, "1hour": 2, "1day": 2}  # of each person of `captions`
CALLS = 2 + 1 + 0 + 0  # of the first day; the second has one clip alone


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """Two people with 25 clips on a day, over two windows of ten minutes, and one on the next."""
    for source in ("A1_JAKE", "A2_ALICE"):
        rows = []
        for start in [
            *(clock.plus(clock.parse("DAY1_11000000"), 30 * i) for i in range(25)),
            clock.parse("DAY2_09000000"),
        ]:
            text = f"{source} at {clock.stamp(start)}"
            rows.append({"generated_text": text, **clock.to_record(start, clock.plus(start, 30))})
        folder = tmp_path / "captions/egolife" / source
        folder.mkdir(parents=True)
        (folder / f"{source}_30s.json").write_text(json.dumps(rows))
    return tmp_path / "captions"


@pytest.fixture
def settings(tmp_path: Path, chat) -> Settings:
    model = Model("writer", chat.url)
    return Settings(writer=model, captioner=model, work=tmp_path / "replies", concurrency=3, retries=0)


def run(captions: Path, settings: Settings) -> list[Built]:
    return build(find_jobs(captions, None, [])[0], settings)


def test_every_level_is_written_from_the_one_below(captions, settings, chat) -> None:
    for one in run(captions, settings):
        levels = [record.level for record in one.records]
        assert {level: levels.count(level) for level in COUNTS} == COUNTS
        assert one.faults == one.left_out == []
        day = next(record for record in one.records if record.level == "1day")
        first, second = (record for record in one.records if record.level == "10min" and clock.day(record.start) == 1)
        clips = [record for record in one.records if record.level == "30s" and clock.day(record.start) == 1]
        assert (
            day.provenance == tuple(clock.stamp(clip.start) for clip in clips) == first.provenance + second.provenance
        )
        assert first.text.startswith("note ") and (first.start, second.end) == (day.start, day.end)
        asked = [body["messages"][1]["content"] for body in chat.requests]
        assert "\n\n".join(f"{clock.format_range(c.start, c.end)}\n{c.text}" for c in first_of(clips)) in asked
        assert f"{clock.format_range(first.start, first.end)}\n{first.text}" in "".join(asked)
        alone = [record for record in one.records if clock.day(record.start) == 2]
        assert {record.text for record in alone} == {f"{one.source} at DAY2_09000000"}  # nothing to merge, no call
    assert len(chat.requests) == 2 * CALLS
    assert all(body["temperature"] == 0 and body["model"] == "writer" for body in chat.requests)


def first_of(clips: list) -> list:
    return [clip for clip in clips if clip.start < clock.parse("DAY1_11100000")]


def test_calls_are_bounded_counted_and_not_made_twice(captions, settings, chat) -> None:
    three, numbers = threading.Barrier(3, timeout=60), itertools.count()
    chat.pause = lambda: three.wait() if next(numbers) < 3 else None  # the first three are answered at once
    first = run(captions, settings)
    assert chat.most_at_once == 3
    second = run(captions, settings)
    assert len(chat.requests) == 2 * CALLS and [one.records for one in first] == [one.records for one in second]
    prices = read_prices(["writer=1,10"])
    assert report([one.usage for one in first], prices) == [
        "writer: 6 calls, 0 replies kept from earlier runs, 0 cut short; "
        "in all 6000 tokens in, 600 out, 0.0120 US dollars"
    ]
    assert "writer: 0 calls, 6 replies kept" in report([one.usage for one in second], prices)[0]
    with pytest.raises(UserError, match="MODEL=IN,OUT"):
        read_prices(["writer=1"])


def test_what_is_refused_is_left_out_like_a_gap_and_listed(captions, settings, chat) -> None:
    chat.refuse = "A2_ALICE at DAY1_11003000"
    jake, alice = run(captions, settings)
    assert jake.left_out == alice.faults == [] and len(alice.left_out) == 1
    assert alice.left_out[0].startswith("A2_ALICE 10min DAY1_11000000-DAY1_11100000: ")
    day = next(record for record in alice.records if record.level == "1day")
    assert clock.stamp(day.start) == "DAY1_11100000"


def test_a_server_that_fails_stops_a_source_before_its_next_level(captions, settings, chat) -> None:
    chat.fail = "A2_ALICE at DAY1_11003000"
    jake, alice = run(captions, settings)
    assert len(alice.faults) == 1 and "10min DAY1_11000000" in alice.faults[0]
    assert {record.level for record in alice.records} == {"30s", "10min"} and len(jake.records) == sum(COUNTS.values())
    chat.fail, asked = "", len(chat.requests)
    whole = run(captions, settings)[1]
    assert not whole.faults and len(whole.records) == sum(COUNTS.values())
    assert len(chat.requests) == asked + 2  # the window that failed, and the hour above it


def test_nobody_there_ends_soon_and_a_wrong_key_at_once(captions, settings, chat) -> None:
    nobody = replace(settings, writer=Model("writer", "http://127.0.0.1:9"))
    assert all(one.faults for one in run(captions, nobody))
    wrong = replace(settings, writer=Model("writer", chat.url + "/wrong"))
    with pytest.raises(UserError, match="correct the server, model or key"):
        run(captions, wrong)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A frame store of 40 recorded seconds, one frame a second."""
    name = tmp_path / "videos/A1_JAKE/DAY1/DAY1_A1_JAKE_11000000.mp4"
    name.parent.mkdir(parents=True)
    with av.open(name, "w") as video:
        stream = video.add_stream("mpeg4", rate=clock.FPS)
        stream.width = stream.height = 64
        for i in range(40 * clock.FPS):
            image = np.full((64, 64, 3), 6 * (i // clock.FPS), np.uint8)
            video.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        video.mux(stream.encode())
    extract(tmp_path / "videos", tmp_path / "frames", fps=1, workers=1)
    return tmp_path / "frames"


def test_a_vision_model_captions_the_frames_of_each_clip(frames, settings, chat) -> None:
    jobs, unread = find_jobs(None, frames, ["A1_JAKE"])
    [built] = build(jobs, replace(settings, captioner=Model("seer", chat.url), fps=0.5))
    assert unread == built.left_out == built.faults == []
    clips = [record for record in built.records if record.level == "30s"]
    assert [clock.format_range(clip.start, clip.end) for clip in clips] == [
        "DAY1_11000000-DAY1_11003000",
        "DAY1_11003000-DAY1_11004000",
    ]
    assert built.records[-1].provenance == ("DAY1_11000000", "DAY1_11003000") and built.records[-1].level == "1day"
    seen = {}
    for body in chat.requests:
        if body["model"] == "seer":
            parts = body["messages"][1]["content"]
            assert all(part["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/") for part in parts[1::2])
            seen[parts[0]["text"]] = [part["text"] for part in parts[::2]]
    assert [len(stamps) for _, stamps in sorted(seen.items())] == [15, 5]
    assert max(seen["DAY1_11000000"]) < "DAY1_11003000" <= min(seen["DAY1_11003000"])
    with pytest.raises(UserError, match="has no B; it has A1_JAKE"):
        find_jobs(None, frames, ["B"])


def test_a_clip_whose_frames_are_gone_is_left_out_and_listed(frames, settings, chat) -> None:
    next(frames.rglob("DAY1_11003500.jpg")).unlink()
    [built] = build(find_jobs(None, frames, [])[0], settings)
    assert [line.split(":")[0] for line in built.left_out] == ["A1_JAKE 30s DAY1_11003000-DAY1_11004000"]
    assert [record.level for record in built.records] == ["30s", "10min", "1hour", "1day"]


def command(captions: Path, out: Path, chat, *more: str) -> list[str]:
    options = {"--captions": captions, "--server": chat.url, "--model": "writer", "--out": out, "--concurrency": 2}
    flags = [str(word) for pair in options.items() for word in pair]
    return [sys.executable, "-m", "firsthand.cli", "memory", "build", *flags, *more]


def test_a_killed_build_goes_on_and_asks_nothing_again(captions, settings, chat, hold, tmp_path) -> None:
    held = hold(2)
    chat.pause = held.passed
    out = tmp_path / "memory.sqlite"
    process = subprocess.Popen(command(captions, out, chat), stdout=subprocess.DEVNULL)
    held.wait(2, process)  # two are answered, two on their way
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    held.release()
    before = len(chat.requests)
    subprocess.run(command(captions, out, chat, "--price", "writer=1,10"), check=True)
    assert len(chat.requests) - before == 2 * CALLS - 2
    in_one_go = [record for one in run(captions, settings) for record in one.records]
    assert Store(out).digest == Store.build(tmp_path / "other.sqlite", in_one_go).digest


@pytest.mark.long
def test_ray_writes_the_same_memory(captions, settings, tmp_path, chat) -> None:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        spread = build_on_ray(find_jobs(captions, None, [])[0], settings)
    finally:
        ray.shutdown()
    assert len(chat.requests) == 2 * CALLS
    here = run(captions, replace(settings, work=tmp_path / "other"))
    assert [(one.source, one.records) for one in spread] == [(one.source, one.records) for one in here]
    assert [one.usage for one in spread] == [one.usage for one in here]
