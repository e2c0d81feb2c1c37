"""What building promises, whatever the release: everything is told, nothing half is left, batches are bounded."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.data.build import build as building
from firsthand.data.build import writers
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import RELEASES, release
from firsthand.data.build.options import lettered, split_text
from firsthand.data.read import rows as stream
from firsthand.errors import UserError

ROOT = Path(__file__).parents[2]


def row(id: int, **changes: Any) -> dict[str, Any]:
    return {
        "problem_id": id,
        "problem": "what ?",
        "data_type": "image",
        "problem_type": "numerical",
        "options": [],
        "solution": "<answer>3</answer>",
        "path": "./a.jpg",
        "data_source": "x",
    } | changes


def write(src: Path, rows: list[Any]) -> Path:
    files.write_json(src / "Video-R1-260k.json", rows)
    return src


def command(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def make(src: Path, out: Path, **options: Any) -> Any:
    return build(release("video_r1"), src, out, ("rl",), Options(**options), lambda *_: None)["rl"]


def test_the_command_says_what_became_of_every_row(tmp_path: Path) -> None:
    src, out = write(tmp_path / "src", [row(1), row(2, data_type="audio"), row(3), row(3)]), tmp_path / "out"
    result = command("build", "video_r1", "--src", src, "--out", out, "--for", "rl")
    assert result.exit_code == 1
    assert "2  rows could not be converted" in result.output
    assert "Video-R1-260k.json: row 2: data_type 'audio' is neither image nor video" in result.output
    assert [(lost["row"], lost["reason"]) for lost in files.read_jsonl(out / "dropped.jsonl")] == [
        (2, "data_type 'audio' is neither image nor video"),
        (4, "its id '3' is that of row 3 of Video-R1-260k.json too"),
    ]
    manifest = files.read_json(out / "manifest.json")["rl"]
    content = (src / "Video-R1-260k.json").read_bytes()
    assert manifest["sources"] == [
        {"file": "Video-R1-260k.json", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert (manifest["rows"], manifest["dropped"]) == ({"rl_train.parquet": 2}, 2)


def test_a_clean_build_leaves_no_list_of_dropped_rows(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(write(tmp_path / "src", [row(1), "no row"]), out)
    assert (out / "dropped.jsonl").is_file()
    result = command("build", "video_r1", "--src", write(tmp_path / "src", [row(1)]), "--out", out, "--for", "rl")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "media", "rl_train.parquet"]


def test_a_list_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    src = write(tmp_path / "src", [row(1), row(2)])
    whole = (src / "Video-R1-260k.json").read_text()
    (src / "Video-R1-260k.json").write_text(whole[: whole.rindex('"path"')])
    built = make(src, tmp_path / "out")
    assert (built.rows, built.dropped) == ({"rl_train.parquet": 1}, 1)
    assert "no valid JSON from here on" in built.examples[0]


def test_what_was_there_stays_when_no_row_can_be_taken(tmp_path: Path) -> None:
    make(write(tmp_path / "src", [row(1)]), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.*")}
    with pytest.raises(UserError, match=r"no row for rl could be taken; the first: .*row 1: problem_type 'essay'"):
        make(write(tmp_path / "src", [row(1, problem_type="essay")]), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.*")} == before


def test_a_limit_reads_no_further(tmp_path: Path) -> None:
    assert make(write(tmp_path / "src", [row(1), row(2), "bad"]), tmp_path / "out", limit=2).dropped == 0


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("purpose", ["sft", "rl"])
def test_more_workers_and_smaller_pieces_change_nothing(tmp_path: Path, monkeypatch, lines: bool, purpose: Any) -> None:
    """Order, indices, numbers of dropped rows and the first of two equal ids, in text of any form and in a limit."""
    rows: list[Any] = [row(number, process="so", problem="a}, {b ?") for number in range(60)]
    rows[7] |= {"problem_id": 3}
    rows[20] |= {"data_type": "video", "path": "./a.mp4"}
    rows[33:33] = ["no row", {"problem_id": float("nan")}]
    file = tmp_path / f"src/Video-R1-{'COT-165k' if purpose == 'sft' else '260k'}.json"
    file.parent.mkdir()
    file.write_text("\n\n".join(map(json.dumps, rows)) if lines else json.dumps(rows))
    found = []
    for chunk, workers in ((1 << 20, 1), (900, 2)):
        monkeypatch.setattr(stream, "CHUNK", chunk)
        monkeypatch.setattr(building, "FEW", 0)
        monkeypatch.setattr(building, "default_workers", lambda workers=workers: workers)
        out = tmp_path / f"out{workers}"
        built = build(release("video_r1"), file.parent, out, (purpose,), Options(limit=50), lambda *_: None)[purpose]
        made = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix in (".jsonl", ".parquet")}
        found.append((built, made))
    assert found[0] == found[1]
    assert built.dropped == 3 and built.rows == {"sft.jsonl" if purpose == "sft" else "rl_train.parquet": 47}
    numbers = [lost["row"] for lost in files.read_jsonl(tmp_path / "out2/dropped.jsonl")]
    assert numbers == ([15, 67, 69] if lines else [8, 34, 35])
    if purpose == "rl":
        facts = pq.read_table(tmp_path / "out2/rl_train.parquet")["extra_info"].to_pylist()
        assert [one["index"] for one in facts] == [n for n in range(50) if n not in (7, 33, 34)]


def test_other_files_can_be_named(tmp_path: Path) -> None:
    files.write_json(tmp_path / "src/sub/mine_1.json", [row(1)])
    assert make(tmp_path / "src", tmp_path / "out", pattern="**/mine_*.json").rows == {"rl_train.parquet": 1}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("video_r2",), "is not a data set that can be built"),
        (("video_r1", "--for", "eval"), "video_r1 gives no rows for eval: choose --for sft or rl"),
        (("video_r1", "--for", "dpo"), "--for dpo: choose sft, rl, eval"),
        (("video_r1", "--for", "sft"), "holds no Video-R1-COT-165k.json"),
        (("ego_cott",), "holds no **/train-cott.json or Ego-CoTT-raw"),
        (("video_r1", "--system", "none.txt"), "none.txt: no such file"),
    ],
)
def test_what_cannot_be_built(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    src = write(tmp_path / "src", [row(1)])
    result = command("build", *arguments, "--src", src, "--out", tmp_path / "out")
    assert result.exit_code == 1 and message in result.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_missing_folder(tmp_path: Path) -> None:
    result = command("build", "video_r1", "--src", tmp_path / "none", "--out", tmp_path / "out")
    assert result.exit_code == 1 and "no such folder; video_r1 comes from Hugging Face" in result.output


def test_a_folder_called_media_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out/media").mkdir(parents=True)
    with pytest.raises(UserError, match="exists and is not a link"):
        make(write(tmp_path / "src", [row(1)]), tmp_path / "out")


def test_the_list_names_every_release_and_every_release_has_a_card() -> None:
    result = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["data", "list"])
    for name, one in RELEASES.items():
        assert name in result.output
        text = files.read_text(ROOT / "datasets" / (one.family or name) / "README.md")
        assert one.licence in text and f"firsthand data build {name}" in text


# -- writers -----------------------------------------------------------------------------------------------------------


def test_the_first_rows_with_media_come_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The `datasets` library would take a column for empty that is filled ten megabytes later."""
    datasets = pytest.importorskip("datasets")
    filler = "x" * 1000
    made = [{"text": filler, "images": [], "videos": []} for _ in range(11_000)]
    made.append({"text": filler, "images": ["a.jpg"], "videos": [["a.jpg", "b.jpg"]]})
    with writers.lines(tmp_path / "rows.jsonl") as out:
        out.add(writers.pack("rows.jsonl", made))
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "rows.jsonl"), cache_dir=str(tmp_path / "cache"))
    assert len(loaded["train"]) == len(made)
    assert loaded["train"][0]["videos"] == [["a.jpg", "b.jpg"]]
    assert not list(tmp_path.glob(".*"))


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "BATCH", 10)
    make(write(tmp_path / "src", [row(id) for id in range(25)]), tmp_path / "out")
    table = pq.ParquetFile(tmp_path / "out/rl_train.parquet")
    assert [table.metadata.row_group(number).num_rows for number in range(3)] == [10, 10, 5]


# -- options -----------------------------------------------------------------------------------------------------------

texts = st.text("abcXYZ 123,;'é", min_size=1).filter(lambda text: text.strip() and text.strip()[1:2] not in ".):")


@given(st.lists(texts, min_size=2, max_size=6), st.sampled_from(["{}. {}", "{}: {}", "{}) {}", "({}) {}", "{} . {}"]))
def test_options_are_the_same_however_they_are_lettered(options: list[str], form: str) -> None:
    wanted = dict(zip("ABCDEF", (option.strip() for option in options), strict=False))
    written = [form.format(letter, text) for letter, text in wanted.items()]
    assert lettered(written) == wanted
    assert split_text("Which one?\n" + "\n".join(written)) == ("Which one?", wanted)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("What is it?", ("What is it?", {})),
        ("A. Smith went.\nWho?\nA. he\nB. she", ("A. Smith went.\nWho?", {"A": "he", "B": "she"})),
        ("Who?\nA. he and\nhis dog\nB. she", ("Who?", {"A": "he and his dog", "B": "she"})),
        ("Who?\nA. he", ("Who?\nA. he", {})),
        ("Who?\nA. A: he\nB. B: she", ("Who?", {"A": "A: he", "B": "B: she"})),
        ("Who? A. he B. she C. it", ("Who?", {"A": "he", "B": "she", "C": "it"})),
        ("Who?\n(A) he (B) she", ("Who?", {"A": "he", "B": "she"})),
        ("Who is J. B. Smith? A. he B. she", ("Who is J. B. Smith?", {"A": "he", "B": "she"})),
        ("Who?\nA.\nhe\nB.\nshe", ("Who?", {"A": "he", "B": "she"})),
        ("Is 3.A. or U.S.B. right?", ("Is 3.A. or U.S.B. right?", {})),
    ],
)
def test_questions_with_their_options(text: str, expected: tuple[str, dict[str, str]]) -> None:
    assert split_text(text) == expected


def test_options_without_letters_get_them() -> None:
    assert lettered(["he", "she"]) == {"A": "he", "B": "she"}
    assert lettered(["B. she", "A. he"]) == {"B": "she", "A": "he"}


@pytest.mark.parametrize("options", [["A. he", "C. she"], ["A. he", "B. she", "they"]])
def test_a_missing_letter_is_an_error(options: list[str]) -> None:
    with pytest.raises(ValueError, match="carry the letters A"):
        lettered(options)


@pytest.mark.parametrize("options", [["A. ", "B. she"], ["he", " "], ["A.", "B.", "C."]])
def test_an_option_without_text_is_an_error(options: list[str]) -> None:
    with pytest.raises(ValueError, match=r"options without text: [AB]"):
        lettered(options)
    with pytest.raises(ValueError, match="options without text"):
        split_text("Who?\nA. he\nB.\nC. she")


# -- workers -----------------------------------------------------------------------------------------------------------


def test_several_processes_write_the_same_bytes_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(id % 40, data_type="audio" if id % 7 == 3 else "video") for id in range(60)]
    src = write(tmp_path / "src", [*rows, "no row", row(99)])
    monkeypatch.setattr("firsthand.data.build.build.BATCH", 4)
    written = []
    for workers in (1, 3):
        monkeypatch.setattr("firsthand.data.build.build.FEW", 0)
        monkeypatch.setattr("firsthand.data.build.build.default_workers", lambda workers=workers: workers)
        built, out = make(src, tmp_path / str(workers)), tmp_path / str(workers)
        assert (built.rows, built.dropped) == ({"rl_train.parquet": 38}, 24)
        written.append([(out / name).read_bytes() for name in ("rl_train.parquet", "dropped.jsonl", "manifest.json")])
    assert written[0] == written[1]
    index = pq.read_table(tmp_path / "1/rl_train.parquet")["extra_info"].combine_chunks().field("index").to_pylist()
    assert len(set(index)) == 38
