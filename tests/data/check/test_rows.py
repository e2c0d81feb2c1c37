"""Every kind of bad row is found, under its own name, in the row where it is; a good row is found good."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from firsthand.data.check import run
from firsthand.data.read.data_file import Source

from .conftest import QUESTION, Find, asked, prompted, trained

IMAGE = {"type": "image", "image": "photo0.png"}
FRAMES = ["photo0.png", "photo1.png"]


def kinds(source: Source) -> dict[str, list[int]]:
    """kind -> rows."""
    report = run.check(source, None, shown=100)
    return {name: [number for number, _ in tally.first] for name, tally in report.kinds.items()}


def turns(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": f"{role} {number}"} for number, role in enumerate(roles)]}


GOOD: dict[str, list[dict[str, Any]]] = {
    "trained": [
        trained(),
        trained("<image>" + QUESTION, images=["photo0.png"]),
        trained("<video>" + QUESTION, videos=[FRAMES]),
        trained("tell", "a cup"),
    ],
    "a file": [trained("<video>" + QUESTION, videos=["clip.mp4"])],
    "prompted": [
        prompted("<image>" + QUESTION, images=["photo0.png"], index=0),
        prompted("<video>" + QUESTION, videos=[{"video": FRAMES, "raw_fps": 2.0}]),
    ],
    "asked": [asked(IMAGE), asked({"type": "video", "video": FRAMES, "fps": 0.5}, id="r")],
    "from and value": [{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]}],
    "alpaca": [{"instruction": "hi", "input": "", "output": "yes", "history": [["a", "b"]]}],
    "tools": [turns("system", "user", "function_call", "observation", "assistant")],
}
GOOD["tools"][0]["messages"][2]["content"] = '<think>\nt\n</think>\n\n{"name": "rag", "arguments": {"level": "day"}}'


@pytest.mark.parametrize("name", GOOD)
def test_good_rows(find: Find, name: str) -> None:
    rows = [dict(row) for row in GOOD[name]]
    if name == "prompted":
        rows = [row | {"extra_info": {"index": number, "letters": "AB"}} for number, row in enumerate(rows)]
    assert kinds(find(rows)) == {}


# the row, and the kind that it is
BAD: dict[str, tuple[dict[str, Any] | Any, str]] = {
    "not an object": (7, "form"),
    "no turns": ({"text": "hi"}, "form"),
    "turns that are text": (trained(messages="hi"), "form"),
    "no turns in the list": (trained(messages=[]), "form"),
    "a turn that is text": (trained(messages=["hi", "yes"]), "form"),
    "tags of another kind": (trained(messages=[{"from": "human", "value": "hi"}]), "form"),
    "a role that is an object": (trained(messages=[{"role": {}, "content": "hi"}]), "form"),
    "an unknown role": (turns("human", "assistant"), "form"),
    "content that is no text": (trained(messages=[{"role": "user", "content": 5}]), "form"),
    "images that are text": (trained("<image>", images="photo0.png"), "form"),
    "an image that is a number": (trained("<image>", images=[3]), "form"),
    "an empty frame list": (trained("<video>", videos=[[]]), "form"),
    "sound": (trained(audios=["a.wav"]), "form"),
    "an unmapped column": (trained(history=[["a", "b"]]), "form"),
    "two user turns": (turns("user", "user", "assistant"), "turns"),
    "the model begins": (turns("assistant", "user"), "turns"),
    "the user ends": (turns("user", "assistant", "user"), "turns"),
    "a late system prompt": (turns("user", "system", "assistant"), "turns"),
    "nothing but a system prompt": (turns("system"), "turns"),
    "an empty answer": (trained(reply="  "), "empty"),
    "a call that is no JSON": (turns("user", "function_call", "observation", "assistant"), "tool-call"),
    "a thought that is not parted from its call": (
        {"messages": [*turns("user")["messages"], {"role": "function_call", "content": "<think>t</think>{}"}]},
        "tool-call",
    ),
    "too few placeholders": (trained("<image>" + QUESTION, images=FRAMES), "placeholders"),
    "too many placeholders": (trained("<image><image>" + QUESTION, images=["photo0.png"]), "placeholders"),
    "a placeholder without media": (trained("<video>" + QUESTION), "placeholders"),
    "a placeholder in the system prompt": (trained(system="<image>", images=["photo0.png"]), "placeholder-system"),
    "a control token": (trained("<|image_pad|> what is it ?"), "control-token"),
    "a turn that ends itself": (trained("hi<|im_end|>"), "control-token"),
    "a letter that is not there": (trained(reply="<answer>E</answer>"), "answer-letter"),
    "a bare letter that is not there": (trained(reply="E."), "answer-letter"),
    "an answer without a letter": (trained(reply="the cup"), "answer-none"),
    "an option twice": (trained("what ?\nA. cup\nB. cup"), "options"),
    "an option left out": (trained("what ?\nA. cup\nB. can\nD. box"), "options"),
    "a missing file": (trained("<image>", images=["gone.png"]), "media-missing"),
    "a missing frame": (trained("<video>", videos=[["photo0.png", "gone.png"]]), "media-missing"),
    "a way out": (trained("<image>", images=["../secret.png"]), "media-outside"),
    "an absolute way out": (trained("<image>", images=["/etc/hostname"]), "media-outside"),
    "an address": (trained("<image>", images=["https://a.b/c.png"]), "media-outside"),
    "a null byte": (trained("<image>", images=["a\0b.png"]), "media-outside"),
    "a name too long": (trained("<image>", images=["a" * 5000]), "media-outside"),
    "a folder": (trained("<image>", images=["folder"]), "media-missing"),
    "a zero-byte image": (trained("<image>", images=["zero.png"]), "media-unreadable"),
    "a zero-byte video": (trained("<video>", videos=["zero.mp4"]), "media-unreadable"),
    "an image that is text": (trained("<image>", images=["text.png"]), "media-unreadable"),
    "a video that is an image": (trained("<video>", videos=["text.mp4"]), "media-unreadable"),
    "a video without its end": (trained("<video>", videos=["cut.mp4"]), "media-unreadable"),
    "a link out of the root": (trained("<image>", images=["link.png"]), "media-outside"),
    "one pixel": (trained("<image>", images=["pixel.png"]), "media-odd-size"),
    "a very long image": (trained("<image>", images=["line.png"]), "media-size"),
    "frames of two sizes": (trained("<video>", videos=[["photo0.png", "odd0.png"]]), "frames-differ"),
    "frames over video_maxlen": (trained("<video>", videos=[FRAMES * 100]), "frames-many"),
    "a video over video_maxlen": (trained("<video>", videos=["long.mp4"]), "frames-left-out"),
    "media over the budget": (trained("<image>", images=["large0.png"]), "shrunk"),
}
VERL: dict[str, tuple[dict[str, Any], str]] = {
    "no data source": (prompted(data_source=None), "form"),
    "a role that is an object": (prompted(prompt=[{"role": {}, "content": "hi"}]), "form"),
    "no truth": (prompted(reward_model={"style": "rule"}), "form"),
    "a truth that is no option": (prompted(truth="C"), "answer-letter"),
    "letters that are not those of the text": (prompted(extra_info={"index": 0, "letters": "ABC"}), "options"),
    "a prompt that is answered": (prompted(prompt=turns("user", "assistant")["messages"]), "turns"),
    "frames without a rate": (prompted("<video>", videos=[{"video": FRAMES}]), "frame-rate"),
    "an image path in a number": (prompted("<image>", images=[5]), "form"),
}
EVAL: dict[str, tuple[dict[str, Any], str]] = {
    "no id": (asked(id=""), "form"),
    "a part of an unknown type": (asked({"type": "sound"}), "form"),
    "a video without fps": (asked({"type": "video", "video": FRAMES}), "form"),
    "an answer that is no option": (asked(answer="Z"), "answer-letter"),
}


@pytest.fixture(scope="module")
def odd_media(media: Path) -> Path:
    (media / "zero.png").touch()
    (media / "zero.mp4").touch()
    (media / "text.png").write_text("no image")
    (media / "text.mp4").write_bytes((media / "photo0.png").read_bytes()[:50])
    (media / "cut.mp4").write_bytes((media / "clip.mp4").read_bytes()[:3000])
    (media / "link.png").unlink(missing_ok=True)
    (media / "link.png").symlink_to("/etc/hostname")
    (media / "folder").mkdir(exist_ok=True)
    Image.new("RGB", (1, 1)).save(media / "pixel.png")
    Image.new("RGB", (4000, 10)).save(media / "line.png")
    return media


@pytest.fixture(scope="module")
def long_clip(media: Path) -> None:
    from .conftest import write_clip

    write_clip(media / "long.mp4", 400, 5)


def check(find: Find, good: dict[str, Any], bad: Any, name: str) -> None:
    """The bad row stands second, between two good ones."""
    third = {**good, "id": "third"} if "messages" in good else good
    found = kinds(find([good, bad, third]))
    found.pop("row-repeated", None)
    found.pop("index-repeated", None)
    found.pop("column-mixed", None)
    assert found.get(name) == [2], found


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_of_llamafactory(find: Find, odd_media: Path, long_clip: None, case: str) -> None:
    check(find, trained("good ?"), *BAD[case])


@pytest.mark.parametrize("case", VERL)
def test_bad_rows_of_verl(find: Find, media: Path, case: str) -> None:
    check(find, prompted(), *VERL[case])


@pytest.mark.parametrize("case", EVAL)
def test_bad_rows_of_eval(find: Find, media: Path, case: str) -> None:
    check(find, asked(id="good"), *EVAL[case])


def test_repeated_rows(find: Find) -> None:
    rows = [trained("one ?", id="a"), trained("two ?", id="b"), trained("three ?", id="a"), trained("one ?", id="c")]
    assert kinds(find(rows)) == {"id-repeated": [3], "row-repeated": [4]}
    prompts = [prompted("one ?", index=3), prompted("two ?", index=3)]
    assert kinds(find(prompts, "rows.parquet")) == {"index-repeated": [2]}


def test_a_column_has_one_type(find: Find) -> None:
    """The loader of the frameworks refuses the whole file."""
    import datasets

    rows = [
        trained("a", id=1),
        trained("b<video>", videos=[FRAMES], id=2),
        trained("c<video>", videos=["clip.mp4"], id="x"),
    ]
    source = find(rows)
    report = run.check(source, None)
    assert [message for _, message in report.kinds["column-mixed"].first] == [
        "`videos` holds lists of text here and lists of lists in row 2",
        "`id` holds text here and numbers in row 1",
    ]
    with pytest.raises(datasets.exceptions.DatasetGenerationError):
        datasets.load_dataset("json", data_files=str(source.file), cache_dir=str(source.file.parent / "cache"))


def test_counts_and_first_rows(find: Find) -> None:
    rows = [trained(f"{number} ?" + ("<image>" if number % 3 == 0 else "")) for number in range(900)]
    report = run.check(find(rows, "rows.jsonl"), None, shown=4)
    tally = report.kinds["placeholders"]
    assert (report.rows, tally.rows, tally.count, [row for row, _ in tally.first]) == (900, 300, 300, [1, 4, 7, 10])
    assert not report.ok


def test_several_processes_say_what_one_says(find: Find, counter: Callable) -> None:
    rows = [trained(f"{number} ?" + "<image>" * (number % 7 == 0), images=[]) for number in range(500)]
    source = find(rows)
    one, two = (run.check(source, counter, workers) for workers in (1, 2))  # type: ignore[arg-type]
    assert (one.kinds, one.lengths, one.longest) == (two.kinds, two.lengths, two.longest)
    assert len(one.lengths) > 1
