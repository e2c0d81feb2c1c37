"""Every video ends in the store or in quarantine, whatever kills the run."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand import clock
from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.media import workers
from firsthand.media.extract import extract
from firsthand.media.index import reading
from firsthand.media.store import FrameStore

STEADY = [i / 20 for i in range(60)]
WEEK = [f"A1_JAKE/DAY1/DAY1_A1_JAKE_1109{second:02}08.mp4" for second in range(0, 60, 6)]


def content(store: Path) -> dict[str, bytes]:
    """All that readers see: the frames, and the rows of the index."""
    found = {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*.jpg")}
    with reading(store) as index:
        rows = index.execute(
            "SELECT path, videos.source, videos.start, end, folder, moment, since "
            "FROM videos JOIN frames ON video = id ORDER BY path, moment"
        ).fetchall()
    assert sum(len(list((store / row[4]).glob("*.jpg"))) for row in {row[:5] for row in rows}) == len(rows)
    return {**found, "rows": json.dumps(rows).encode()}


def command(videos: Path, store: Path, *more: str) -> subprocess.Popen:
    arguments = ["media", "extract", str(videos), "--out", str(store), *more]
    return subprocess.Popen([sys.executable, "-m", "firsthand.cli", *arguments], stderr=subprocess.DEVNULL)


HANGS = """
import sys, time
from pathlib import Path
from firsthand.media.extract import extract

def hang(done, total):
    if len(list(store.rglob("*.jpg"))) > 6:
        (store / "hangs").touch()
        time.sleep(3600)

if __name__ == "__main__":
    store = Path(sys.argv[2])
    extract(Path(sys.argv[1]), store, 1.0, workers=2, progress=hang)
"""


def hanging(videos: Path, store: Path) -> subprocess.Popen:
    """An extraction that stops in the middle: it is there to be killed, however fast the machine is."""
    (store.parent / "hanging.py").write_text(HANGS)
    return subprocess.Popen([sys.executable, store.parent / "hanging.py", videos, store], stderr=subprocess.DEVNULL)


def wait_for(found) -> None:
    deadline = time.monotonic() + 300
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_odd_videos_are_right_or_in_quarantine(videos, tmp_path):
    videos.make("DAY1_A1_JAKE_11094208.mp4", STEADY)
    videos.make("uneven/00003000.mp4", [0.0, 0.4, 2.2, 2.3])
    videos.make("ten_bits.mkv", STEADY, codec="libx265", layout="yuv420p10le", **{"x265-params": "log-level=none"})
    videos.turn(videos.make("turned.mp4", STEADY), 90)
    videos.cut(videos.make("cut.mp4", STEADY), 0.5)
    videos.cut(videos.make("cut_later.mp4", STEADY, header_first=True), 0.5)
    videos.make_sound("sound.mp4")
    (videos.folder / "empty.mp4").touch()
    (videos.folder / "notes.srt").touch()
    (videos.folder / "dangling.mp4").symlink_to("nowhere")
    videos.make("DAY1_A1_JAKE_25094208.mp4", [0.0])
    videos.make("again/DAY1_A1_JAKE_11094208.mp4", [0.0])

    out = tmp_path / "store"
    run = CliRunner().invoke(app, ["media", "extract", str(videos.folder), "--out", str(out), "--max-bad", "0.7"])
    assert run.exit_code == 3, run.output
    bad = {row["video"]: row["reason"] for row in map(json.loads, (out / "quarantine.jsonl").read_text().splitlines())}
    assert list(bad) == sorted(bad)
    for name, reason in {
        "cut.mp4": "Invalid data",
        "cut_later.mp4": "",
        "sound.mp4": "no video stream",
        "empty.mp4": "an empty file",
        "dangling.mp4": "No such file",
        "DAY1_A1_JAKE_25094208.mp4": "does not exist",
        "again/DAY1_A1_JAKE_11094208.mp4": "same source and time as DAY1_A1_JAKE_11094208.mp4",
    }.items():
        assert reason in bad.pop(name)
    assert not bad
    assert "1 other files not looked at (.srt)" in run.output

    store = FrameStore(out)
    assert store.sources() == ["A1_JAKE", "ten_bits", "turned", "uneven"]
    assert store.spans("A1_JAKE") == [(clock.parse("DAY1_11094208"), clock.parse("DAY1_11094508"))]
    assert [frame.moment - clock.midnight(1) for frame in store.frames("uneven", 0, 9e9)] == [30.0, 31.0, 32.0]
    with reading(out) as index:
        since = [row[0] for row in index.execute("SELECT since FROM frames WHERE source = 'uneven' ORDER BY moment")]
    assert since == pytest.approx([0.0, 0.4, 0.4])

    failed = CliRunner().invoke(app, ["media", "extract", str(videos.folder), "--out", str(out)])
    assert failed.exit_code == 1 and "more than --max-bad 0.05" in failed.output


def test_a_killed_run_goes_on_to_the_same_store(videos, tmp_path):
    for name in WEEK:
        videos.make(name, STEADY[:40])
    extract(videos.folder, tmp_path / "whole", 1.0)

    store = tmp_path / "killed"
    run = hanging(videos.folder, store)
    wait_for((store / "hangs").exists)
    (store / "hangs").unlink()
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    run.kill()
    run.wait()
    assert children
    wait_for(lambda: not any(alive(int(pid)) for pid in children))

    made = extract(videos.folder, store, 1.0)
    assert made.videos == len(WEEK) and not made.quarantined
    assert content(store) == content(tmp_path / "whole")
    assert extract(videos.folder, store, 1.0).resumed == len(WEEK)


def test_a_worker_that_dies_costs_nothing(videos, tmp_path):
    for name in WEEK:
        videos.make(name, STEADY[:40])
    store = tmp_path / "store"
    run = command(videos.folder, store, "--workers", "2")
    wait_for(lambda: list((store / ".partial").glob("*")) or run.poll() is not None)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    for pid in children:
        if "multiprocessing.spawn" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(int(pid), signal.SIGKILL)
            break
    assert run.wait() == 0
    extract(videos.folder, tmp_path / "whole", 1.0)
    assert content(store) == content(tmp_path / "whole")


def test_a_changed_video_replaces_the_old_one(videos, tmp_path):
    path = videos.make("a.mp4", STEADY)
    extract(videos.folder, tmp_path, 1.0)
    videos.make("a.mp4", STEADY[:30])
    made = extract(videos.folder, tmp_path, 1.0)
    assert (made.resumed, made.frames) == (0, 2)
    assert len(list((tmp_path / "a").rglob("*.jpg"))) == len(FrameStore(tmp_path).frames("a", 0, 9e9)) == 2
    path.write_bytes(b"")
    assert extract(videos.folder, tmp_path, 1.0).quarantined == {"a.mp4": "an empty file"}
    assert FrameStore(tmp_path).sources() == []


def test_wrong_uses_are_errors(videos, tmp_path):
    with pytest.raises(UserError, match="no video below"):
        extract(videos.folder, tmp_path, 1.0)
    videos.make("a.mp4", [0.0, 0.5])
    for fps in (0, -1, 21, float("nan")):
        with pytest.raises(UserError, match="--fps"):
            extract(videos.folder, tmp_path, fps)
    extract(videos.folder, tmp_path, 1.0)
    with pytest.raises(UserError, match=r"made with fps = 1.0, not 2.0"):
        extract(videos.folder, tmp_path, 2.0)
    with pytest.raises(UserError, match=r"made with max_pixels = None, not 400"):
        extract(videos.folder, tmp_path, 1.0, max_pixels=400)
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match="cannot be written"):
        extract(videos.folder, tmp_path, 1.0)


def test_a_store_that_cannot_be_written_is_no_fault_of_the_video(videos, tmp_path):
    videos.make("a: b.mp4", [0.0, 0.5])
    (tmp_path / "a: b").touch()
    with pytest.raises(UserError, match="cannot be written"):
        extract(videos.folder, tmp_path, 1.0)
    (tmp_path / "a: b").unlink()
    assert extract(videos.folder, tmp_path, 1.0).frames == 1
    assert FrameStore(tmp_path).frame("a: b", clock.of_elapsed(0.0)).jpeg()


def test_two_extractions_do_not_write_one_store(videos, tmp_path):
    videos.make("a.mp4", [0.0, 0.5])

    def second(done: int, total: int) -> None:
        with pytest.raises(UserError, match="another extraction"):
            extract(videos.folder, tmp_path, 1.0)

    assert extract(videos.folder, tmp_path, 1.0, progress=second).frames == 1


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_never_hear_of_ctrl_c() -> None:
    """Not even while they import: else each writes a traceback into the terminal."""
    with workers._deaf():
        child = multiprocessing.get_context("spawn").Process(target=signal.raise_signal, args=(signal.SIGINT,))
        child.start()
    child.join(60)
    assert child.exitcode == 0 and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
