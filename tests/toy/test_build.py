"""A build repeats byte for byte, goes on where it stopped, and touches no folder that is not its own."""

import hashlib
import json
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.toy.week import build as toy_build
from firsthand.toy.week.folder import load
from firsthand.toy.week.plan import Size, to_json


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_equal_sizes_give_equal_bytes_and_other_seeds_do_not(tmp_path):
    for name, seed in (("one", 4), ("again", 4), ("other", 5)):
        toy_build.build(tmp_path / name, Size(people=1, days=1, seed=seed, sessions=1, clips=1, questions=8))
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert not {name for name in one if name.endswith((".mp4", ".npz"))} & set(other)


def test_a_seed_gives_the_week_that_it_always_gave(in_memory):
    """Results are compared over versions. A week that must change takes a new `FORMAT` and a new digest here."""
    week = in_memory(Size())
    truth = {identity: [to_json(clip) for clip in clips] for identity, clips in week.clips.items()}
    made = json.dumps([truth, week.memory, week.questions, week.splits])
    assert hashlib.sha256(made.encode()).hexdigest()[:16] == "9875856ae9602f22"


def test_a_stopped_build_goes_on_and_leaves_finished_clips_alone(built, week):
    clips = load(week).all_clips()
    lost, kept = week / clips[3].video, week / clips[0].video
    lost.unlink()
    before = kept.stat().st_mtime_ns
    seen = []
    toy_build.build(week, load(week).size, lambda done, total: seen.append((done, total)))
    assert contents(week) == contents(built)
    assert kept.stat().st_mtime_ns == before
    assert seen == [(len(clips) - 1, len(clips)), (len(clips), len(clips))]


def test_a_killed_writer_leaves_no_half_clip(week, monkeypatch):
    clip = load(week).all_clips()[0]
    (week / clip.video).unlink()

    def die(frames):
        next(iter(frames))
        raise KeyboardInterrupt

    monkeypatch.setattr(toy_build.video, "encode", die)
    with pytest.raises(KeyboardInterrupt):
        toy_build._write_clip(week, clip)
    assert not (week / clip.video).exists()


def test_another_week_in_the_folder_is_an_error_that_names_the_difference(built):
    with pytest.raises(UserError, match="seed 0 instead of 5"):
        toy_build.build(built, Size(seed=5))


def test_a_folder_of_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="not a toy week"):
        toy_build.build(tmp_path, Size())
    assert contents(tmp_path) == {"thesis.txt": b"precious"}


def test_a_decoder_of_the_field_reads_the_clips(built):
    clip = load(built).all_clips()[0]
    with av.open(str(built / clip.video)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert (stream.codec_context.name, stream.average_rate, len(frames)) == ("h264", 20, 600)
        assert float(stream.duration * stream.time_base) == 30
        assert frames[-1].time == pytest.approx(29.95)


def test_arrays_of_a_clip(built):
    clip = load(built).all_clips()[0]
    with np.load(built / f"boxes/{clip.path}.npz") as boxes, np.load(built / f"pose/{clip.path}.npz") as pose:
        assert {name: boxes[name].shape for name in boxes} == {
            "left": (600, 4),
            "right": (600, 4),
            "interaction": (600, 4),
            "thing": (600,),
            "verb": (600,),
        }
        event = clip.events[0]
        assert toy_build.VERBS[boxes["verb"][event.first]] == event.verb
        assert pose["joints"].shape == (600, 17, 3)


def test_the_commands_build_count_and_prove(tmp_path):
    out = tmp_path / "week"
    arguments = ["toy", "build", str(out), "--people", "1", "--days", "1", "--sessions", "1", "--clips", "1"]
    result = CliRunner().invoke(app, [*arguments, "--questions", "8"])
    assert result.exit_code == 0, result.output
    assert "prior" in result.output and "questions fewer" in result.output
    assert len(files.read_json(out / "truth/A1_JAKE.json")) == 1
    result = CliRunner().invoke(app, ["toy", "check", str(out)])
    assert result.exit_code == 0 and "captions" in result.output


def test_the_command_reports_a_wrong_option(tmp_path):
    result = CliRunner().invoke(app, ["toy", "build", str(tmp_path / "week"), "--people", "9"])
    assert result.exit_code == 1 and "--people 9: from 1 to 6" in result.output


def test_the_card_of_the_data_set_may_lie_there_already_and_stays(tmp_path):
    (tmp_path / "README.md").write_text("card")
    toy_build.build(tmp_path, Size(people=1, days=1, seed=0, sessions=1, clips=1, questions=8))
    assert (tmp_path / "README.md").read_text() == "card"
