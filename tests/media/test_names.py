"""Whose video a file is and when it begins, from its name."""

from pathlib import Path, PurePath

import pytest

from firsthand import clock
from firsthand.errors import UserError
from firsthand.media.names import Recording, clips, person, recording, videos_below


@pytest.mark.parametrize(
    ("path", "source", "start"),
    [
        ("A1_JAKE/DAY1/DAY1_A1_JAKE_11094208.mp4", "A1_JAKE", "DAY1_11094208"),
        ("day7_A6_SHURE_00000000.MP4", "A6_SHURE", "DAY7_00000000"),
        ("abc-12/00003000.mp4", "abc-12", "DAY1_00003000"),
        ("videos/abc/01000000.mkv", "abc", "DAY1_01000000"),
        ("00003000.mp4", "00003000", "DAY1_00000000"),  # no folder says what it would be a part of
        ("some/where/fFjv93ACGo8.mp4", "fFjv93ACGo8", "DAY1_00000000"),
        ("v 1.2.webm", "v 1.2", "DAY1_00000000"),
    ],
)
def test_names(path: str, source: str, start: str) -> None:
    assert recording(PurePath(path)) == Recording(source, clock.parse(start))


@pytest.mark.parametrize(
    "path", ["DAY1_A1_JAKE_25000000.mp4", "DAY0_A1_11094208.mp4", "DAY1_A1_110.mp4", "abc/00006000.mp4", "a/...mp4"]
)
def test_a_name_that_cannot_be_right_is_an_error(path: str) -> None:
    with pytest.raises(UserError, match=r"time|rename"):
        recording(PurePath(path))


def test_videos_and_other_files(tmp_path: Path) -> None:
    folder, store = tmp_path / "videos", tmp_path / "videos/store"
    for name in ("b/x.MP4", "a.mov", "a.srt", "b/._x.mp4", "mp4", "store/a/1.jpg", "../elsewhere/y.ts"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "folder.mp4").mkdir()
    (folder / "linked").symlink_to("../elsewhere")
    (folder / "loop").symlink_to("../videos")
    videos, others = videos_below(folder, store)
    assert [str(path) for path in videos] == ["a.mov", "b/x.MP4", "linked/y.ts"]
    assert [str(path) for path in others] == ["a.srt", "b/._x.mp4", "mp4"]
    with pytest.raises(UserError, match="no such folder"):
        videos_below(folder / "missing", store)


def test_people_and_clips_of_egolife() -> None:
    assert [person(name) for name in ("A1", "A6", "A1_JAKE", "A7")] == ["A1_JAKE", "A6_SHURE", "A1_JAKE", "A7"]
    found = list(clips("frames/DAY1_A1_JAKE_11094208_100.jpg"))
    assert found == [Recording("A1_JAKE", clock.parse("DAY1_11094208"))]
    assert not list(clips("DAY1_A1_JAKE_99999999.mp4")) and not list(clips("a.jpg"))
