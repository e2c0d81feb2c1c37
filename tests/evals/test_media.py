"""Media reach the server byte for byte, from inside the root only, and videos carry their true fps."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.errors import UserError
from firsthand.evals.rows import read_rows
from firsthand.llm.media import request_body
from firsthand.llm.messages import Prompted
from firsthand.media.paths import inside


def body(media: Path, *parts: dict[str, Any]) -> dict[str, Any]:
    return request_body(Prompted.model_validate({"id": "q", "messages": [{"role": "user", "content": parts}]}), media)


def test_images_are_sent_as_they_are(media, decode_url) -> None:
    sent = body(media, {"type": "image", "image": "a.jpg"}, {"type": "image", "image": "c.png"})
    first, second = (decode_url(part["image_url"]["url"]) for part in sent["messages"][0]["content"])
    assert first == ("data:image/jpeg;base64", [(media / "a.jpg").read_bytes()])
    assert second == ("data:image/png;base64", [(media / "c.png").read_bytes()])
    assert set(sent) == {"messages"}


def test_video_frames_keep_order_bytes_and_fps(media, decode_url) -> None:
    sent = body(media, {"type": "video", "video": ["b.jpg", "a.jpg", "c.png"], "fps": 0.5})
    [part] = sent["messages"][0]["content"]
    frames = [(media / name).read_bytes() for name in ("b.jpg", "a.jpg", "c.png")]
    assert decode_url(part["video_url"]["url"]) == ("data:video/jpeg;base64", frames)
    assert sent["media_io_kwargs"] == {"video": {"num_frames": -1, "fps": 0.5}}


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
def test_in_another_order_other_frames_stand_at_the_same_times(media, decode_url, write_clip, order) -> None:
    """Pictures with their times before them, a list of frames, a file: the same words, rates, times and frames."""
    write_clip(media / "a.mp4", 120)
    pictures = [("a.jpg", 0.0), ("b.jpg", 1.5), ("c.png", 3.0)]
    timed = [part for name, time in pictures for part in (
        {"type": "text", "text": f"<{time} seconds>"}, {"type": "image", "image": name})]  # fmt: skip
    listed = {"type": "video", "video": ["b.jpg", "a.jpg", "c.png"], "fps": 0.5}
    for parts in (timed, [listed], [{"type": "video", "video": "a.mp4"}]):
        turns = [{"role": "user", "content": [*parts, {"type": "text", "text": "what ?"}]}]
        question = Prompted.model_validate({"id": "q", "messages": turns})
        ordered, other, again = (request_body(question, media, order=one) for one in ("ordered", order, order))
        shown, changed = _frames(ordered, decode_url), _frames(other, decode_url)
        assert _frames(again, decode_url) == changed, "a question that is asked again shows the same"
        assert len(set(shown)) == len(shown) > 2 and sorted(changed) == sorted(shown) and changed != shown
        if order == "reversed":
            assert changed == shown[::-1]
        assert other.get("media_io_kwargs") == ordered.get("media_io_kwargs")
        assert _words(other) == _words(ordered)


def _frames(sent: dict[str, Any], decode_url) -> list[bytes]:
    urls = [part[part["type"]]["url"] for part in sent["messages"][0]["content"] if part["type"].endswith("_url")]
    return [frame for url in urls for frame in decode_url(url)[1]]


def _words(sent: dict[str, Any]) -> list[str]:
    return [part.get("text", part["type"]) for part in sent["messages"][0]["content"]]


def test_parts_keep_their_order_and_text_its_characters(media) -> None:
    text = {"type": "text", "text": "a <image> & \u2028"}
    sent = body(media, text, {"type": "image", "image": "a.jpg"}, text)
    content = sent["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "text"] and content[0] == text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../secret.jpg", "outside the media root"),
        ("sub/../../secret.jpg", "outside the media root"),
        ("/etc/hostname", "outside the media root"),
        ("link.jpg", "outside the media root"),
        ("linked/secret.jpg", "outside the media root"),
        ("missing.jpg", "no such file"),
        (".", "no such file"),
        ("", "no such file"),
        ("a\0.jpg", "not a usable path"),
        ("loop", "no such file|not a usable path"),
        ("notes.txt", "neither JPEG nor PNG"),
    ],
)
def test_only_images_inside_the_root(media: Path, path: str, message: str) -> None:
    (media.parent / "secret.jpg").write_bytes((media / "a.jpg").read_bytes())
    (media / "notes.txt").write_text("not an image")
    (media / "link.jpg").symlink_to("../secret.jpg")
    (media / "linked").symlink_to("..")
    (media / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=message):
        body(media, {"type": "image", "image": path})


def test_a_link_that_stays_inside_is_followed(media: Path) -> None:
    (media / "alias.jpg").symlink_to("a.jpg")
    assert inside(media, "alias.jpg") == (media / "a.jpg").resolve()


@given(path=st.lists(st.sampled_from(["..", ".", "/", "a.jpg", "sub", "", "~", "\0", "é"]) | st.text(max_size=3)))
def test_no_path_leads_out_of_the_root(media: Path, path: list[str]) -> None:
    try:
        found = inside(media, "/".join(path))
    except UserError:
        return
    assert found.is_relative_to(media.resolve()) and found.is_file()


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ({"type": "image", "image": "a.jpg", "max_pixels": 100}, "max_pixels"),
        ({"type": "video", "video": ["a.jpg"]}, "fps"),
        ({"type": "video", "video": ["a.jpg"], "fps": 0}, "fps"),
        ({"type": "video", "video": [], "fps": 1}, "video"),
        ({"type": "video", "video": "clip.mp4", "fps": 1}, "video"),
        ({"type": "audio", "audio": "a.wav"}, "audio"),
    ],
)
def test_a_bad_part_is_an_error_that_names_row_and_key(make_questions, part: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=rf"questions\.jsonl: row 2: .*{key}"):
        read_rows(make_questions("q1", make_questions.question("q2", part)), Prompted)


def test_two_rates_in_one_request_are_refused(make_questions) -> None:
    videos = [{"type": "video", "video": ["a.jpg"], "fps": fps} for fps in (1, 2)]
    with pytest.raises(UserError, match="one fps a request"):
        read_rows(make_questions(make_questions.question("q1", *videos)), Prompted)


def test_a_video_file_is_alone_in_its_request(make_questions) -> None:
    videos = [{"type": "video", "video": "a.mp4"}, {"type": "video", "video": ["a.jpg"], "fps": 1}]
    with pytest.raises(UserError, match="times of one video a request"):
        read_rows(make_questions(make_questions.question("q1", *videos)), Prompted)


def test_repeated_ids_and_empty_files_are_refused(make_questions) -> None:
    with pytest.raises(UserError, match="row 2 repeats the id 'q1'"):
        read_rows(make_questions("q1", "q1"), Prompted)
    with pytest.raises(UserError, match="no rows"):
        read_rows(make_questions(), Prompted)
