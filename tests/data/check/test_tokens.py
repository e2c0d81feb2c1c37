"""Tokens counted from sizes alone are those of the real processor, and those of LLaMA-Factory's own preprocessing."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from firsthand import files
from firsthand.data.check import run
from firsthand.data.check.token_count import Counter, sampled
from firsthand.data.read import media_headers
from firsthand.data.read.data_file import Source
from firsthand.data.read.sample import Video
from firsthand.data.show import read_row, show
from firsthand.findings import ROW_RULES

from .conftest import QUESTION, SIZES, Find, asked, prompted, trained, write_clip

CALL = "<think>\nlook it up\n</think>\n\n" + json.dumps({"name": "rag", "arguments": {"query": "the cup"}})
TOOLS = json.dumps([{"name": "rag", "description": "looks up", "parameters": {"type": "object", "properties": {}}}])


def frames(name: str, count: int) -> list[str]:
    return [f"{name}{number % 5}.png" for number in range(count)]


def talk(*turns: tuple[str, str], **columns: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in turns], "images": [], "videos": []} | columns


TRAINED: dict[str, dict[str, Any]] = {
    "text": trained(),
    **{f"{name} image": trained("<image>" + QUESTION, images=[f"{name}0.png"]) for name in SIZES},
    "three images": trained("one <image> two <image>\n<image>what ?", images=["photo0.png", "odd1.png", "tall2.png"]),
    **{f"{n} frames": trained("<video>" + QUESTION, videos=[frames("photo", n)]) for n in (1, 2, 3, 9)},
    "large frames": trained("<video>" + QUESTION, videos=[frames("large", 5)]),
    "a file": trained("so: <video>\n" + QUESTION, videos=["clip.mp4"]),
    "a system prompt": trained(system="you look ."),
    "two turns of images": talk(
        ("user", "<image>what ?"), ("assistant", "a cup"), ("user", "and <image> ?"), ("assistant", "a can"),
        images=["photo0.png", "large0.png"],
    ),
    "a call": talk(
        ("system", "you look ."), ("user", "<image>where ?"), ("function_call", CALL),
        ("observation", "there"), ("assistant", "there"), images=["photo0.png"], tools=TOOLS,
    ),
}  # fmt: skip
PROMPTED = {
    "text": prompted(),
    "image": prompted("<image>" + QUESTION, images=["odd0.png"]),
    "large images": prompted("<image><image>" + QUESTION, images=["large0.png", "wide1.png"]),
    "3 frames": prompted("<video>" + QUESTION, videos=[{"video": frames("odd", 3), "raw_fps": 0.5}]),
    "large frames": prompted("<video>" + QUESTION, videos=[{"video": frames("large", 7), "raw_fps": 1.0}]),
    "a file": prompted("<video>" + QUESTION, videos=[{"video": "clip.mp4"}]),
}
ASKED = {
    "image": asked({"type": "image", "image": "large0.png"}),
    "frames": asked({"type": "video", "video": frames("photo", 5), "fps": 0.5}),
    "large frames": asked({"type": "video", "video": frames("large", 3), "fps": 1.0}),
    "both": asked({"type": "video", "video": frames("photo", 4), "fps": 2.0}, {"type": "image", "image": "odd0.png"}),
}


def counted(source: Source, counter: Counter) -> int:
    report = run.check(source, counter)
    assert all(ROW_RULES[name].level != "error" for name in report.kinds), report.kinds
    [(tokens, rows)] = report.lengths.items()
    assert rows == 1
    return tokens


def agree(source: Source, counter: Counter, model: Path) -> None:
    shown = show(source, 1, counter, str(model))
    assert counted(source, counter) == shown.tokens
    assert sum(turn.tokens for turn in shown.turns) == shown.tokens


@pytest.mark.parametrize("name", TRAINED)
def test_rows_of_llamafactory(find: Find, counter: Counter, model: Path, name: str) -> None:
    source = find([TRAINED[name]], image=(1024, 40_000), video_fps=4.0)
    if name == "a call" and counter.stamps is None:  # the template of Qwen2.5-VL describes no tools
        assert run.check(source, counter).kinds.keys() == {"refused"}
        return
    agree(source, counter, model)


def test_a_template_that_leaves_tools_out_is_refused(find: Find, model: Path, tmp_path: Path) -> None:
    """As the released one of Qwen2.5-VL does, without a word; LLaMA-Factory writes them for the same model."""
    shutil.copytree(model, tmp_path / "model")
    plain = "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    (tmp_path / "model/chat_template.jinja").write_text(plain)
    talked = TRAINED["a call"] | {"images": [], "messages": [
        turn | {"content": turn["content"].replace("<image>", "")} for turn in TRAINED["a call"]["messages"]
    ]}  # fmt: skip
    counter = Counter(str(tmp_path / "model"))
    [(row, why)] = run.check(find([talked]), counter).kinds["refused"].first
    assert row == 1 and "describes no tools" in why
    assert not run.check(find([talked | {"tools": ""}]), counter).kinds


@pytest.mark.parametrize("name", PROMPTED)
def test_rows_of_verl(find: Find, counter: Counter, model: Path, name: str) -> None:
    agree(find([PROMPTED[name]], image=(1024, 60_000), video=(256, 20_000)), counter, model)


@pytest.mark.parametrize("name", ASKED)
def test_rows_of_eval(find: Find, counter: Counter, model: Path, name: str) -> None:
    agree(find([ASKED[name]], "rows.jsonl"), counter, model)


@pytest.mark.parametrize("size", [(28, 28), (29, 500), (64, 64), (257, 255), (1000, 31), (640, 361), (2048, 1536)])
def test_an_image_of_any_size(counter: Counter, size: tuple[int, int]) -> None:
    assert counter.image is not None
    grid = counter.image(images=[Image.new("RGB", size)], return_tensors="pt")["image_grid_thw"]
    assert counter.image_tokens(*size) == int(grid.prod()) // counter.image.merge_size**2


def test_llamafactory_counts_the_same(find: Find, counter: Counter, model: Path, media: Path, tmp_path: Path) -> None:
    """The rows above through LLaMA-Factory's own loader, converter, template and media plugin."""
    pytest.importorskip("llamafactory")
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    # a column holds files or lists (see the next test), and the template of Qwen2.5-VL describes no tools
    names = [name for name in TRAINED if name not in ("a file", *["a call"] * (counter.stamps is None))]
    rows = [{"system": "", "tools": ""} | TRAINED[name] for name in names]
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    tags |= {"observation_tag": "observation", "function_tag": "function_call", "system_tag": "system"}
    columns = {"messages": "messages"} | {name: name for name in ("images", "videos", "system", "tools")}
    source = find(rows, image=(1024, 40_000), video_fps=4.0)
    entry = {"file_name": "rows.json", "formatting": "sharegpt", "columns": columns, "tags": tags}
    files.write_json(tmp_path / "dataset_info.json", {"rows": entry})
    template_name = "qwen2_vl" if counter.stamps is None else "qwen3_vl_nothink"
    recipe = {
        "model_name_or_path": str(model), "stage": "sft", "do_train": True, "finetuning_type": "full", "use_cpu": True,
        "dataset": "rows", "dataset_dir": str(tmp_path), "media_dir": str(media), "template": template_name,
        "cutoff_len": 100_000, "image_max_pixels": 40_000, "video_fps": 4.0, "output_dir": str(tmp_path / "out"),
        "cache_dir": str(tmp_path / "cache"), "bf16": False,
        "default_system": "",  # the tiny chat template has none, that of Qwen2.5-VL has LLaMA-Factory's
    }  # fmt: skip
    model_args, data_args, training_args, _, _ = get_train_args(recipe)
    loaded = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
    made = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
    assert len(made) == len(rows)
    ours = {}
    for number, name in enumerate(names, 1):
        sample = read_row(source, number)
        images = [media_headers.image(media, path) for path in sample.images]
        videos = [
            sampled(video, [media_headers.image(media, path) for path in video.paths], source.limits)
            for video in sample.videos
        ]
        [ours[name]] = counter.lengths([counter.prompt(sample, images, videos, source.limits)])
    assert ours == {name: len(row["input_ids"]) for name, row in zip(names, made, strict=True)}


@pytest.mark.parametrize("clip", ["clip.mp4", "short.mp4"])
def test_llamafactory_samples_a_video_file_the_same(find: Find, counter: Counter, media: Path, clip: str) -> None:
    plugins = pytest.importorskip("llamafactory.data.mm_plugin")
    write_clip(media / "short.mp4", 7, 12)
    name = "qwen3_vl" if counter.stamps else "qwen2_vl"
    plugin = plugins.get_mm_plugin(name, image_token="<|image_pad|>", video_token="<|video_pad|>")
    turn = {"role": "user", "content": "<video>what ?"}
    [theirs] = plugin.process_messages([turn], [], [str(media / clip)], [], counter.processor)
    source = find([trained("<video>what ?", videos=[clip])])
    look = media_headers.video(media, clip)
    frames = sampled(Video(file=clip), [look], source.limits)
    prompt = counter.prompt(read_row(source, 1), [], [frames], source.limits)
    pads = prompt.text.count("<|video_pad|>") + prompt.hidden
    assert theirs["content"].count("<|video_pad|>") == pads
    assert re.findall(r"<([\d.]+) seconds>", theirs["content"]) == re.findall(r"<([\d.]+) seconds>", prompt.text)


def test_llamafactory_still_dates_several_videos_wrongly(find: Find, counter: Counter, media: Path) -> None:
    """The reason of `videos-several`: when upstream is mended, the kind can go."""
    plugin_module = pytest.importorskip("llamafactory.data.mm_plugin")
    if counter.stamps is None:
        pytest.skip("only Qwen3-VL has times")
    plugin = plugin_module.get_mm_plugin("qwen3_vl", image_token="<|image_pad|>", video_token="<|video_pad|>")
    later = [{"role": r, "content": c} for r, c in (("user", "a"), ("assistant", "b"), ("user", "<video>"))]
    clip = [str(media / name) for name in frames("photo", 2)]
    with pytest.raises(IndexError):
        plugin.process_messages(later, [], [clip], [], counter.processor)
    source = find([talk(("user", "a"), ("assistant", "b"), ("user", "<video>"), ("assistant", "c"),
                        videos=[frames("photo", 2)])])  # fmt: skip
    assert run.check(source, counter).kinds.keys() == {"videos-several"}


def test_too_long(find: Find, counter: Counter) -> None:
    rows = [trained(), trained("<image>" + QUESTION, images=["large0.png"])]
    report = run.check(find(rows, tokens=60, key="cutoff_len"), counter)
    assert [row for row, _ in report.kinds["too-long"].first] == [2]
    assert report.longest == 2
    assert "cutoff_len is 60" in report.kinds["too-long"].first[0][1]
