"""What is read, what is left out, and that the page holds all of it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.files import write_jsonl
from firsthand.pages.run.build import build
from firsthand.pages.run.chunks import Chunks, as_json
from firsthand.rollout.telemetry import metrics_of


def words(index: dict, column: str) -> list:
    return [index["names"][column][code] for code in index["columns"][column]]


def test_a_training_run(run: Path, tmp_path: Path, sample) -> None:
    built = build(run, tmp_path / "view.html")
    index, rows = sample.opened(tmp_path / "view.html")
    assert built.trajectories == index["count"] == 12 and built.chunks is None and built.unread == []
    assert index["columns"]["step"] == [1] * 4 + [2] * 4 + [3] * 4
    assert index["columns"]["right"] == [1, 0, 0, 0] * 3
    assert index["columns"]["turns"] == [3, 2, 1, 1] * 3
    assert words(index, "stop")[:4] == ["answer", "answer", "invalid", "length"]
    assert words(index, "person")[:4] == ["A1_JAKE", "A1_JAKE", "A1_JAKE", "A2_ALICE"]
    assert words(index, "asked")[0] == ["a", ""]
    assert [index["flat"][group] for group in index["columns"]["group"][:4]] == [0, 0, 1, 1]
    assert index["columns"]["group"][4] != index["columns"]["group"][0]  # the same question in another step
    assert [index["names"]["turn"][code] for code in index["turns"][:3]] == [
        ["call", "rag", "ok"],
        ["call", "video_llm", "ok"],
        ["answer", None, None],
    ]
    assert index["waits"][:3] == [100, 2000, 0]
    assert rows[0]["turns"][1]["spans"] == ["DAY1_12000000-DAY1_12003000"]
    assert rows[0]["turns"][0]["arguments"] == [["level", "day"], ["keywords", '["cup"]']]
    assert rows[0]["parts"] == [["accuracy", 1.0], ["format", 1.0]]


def test_curves_are_the_logged_ones_and_telemetrys_own_where_nothing_was_logged(tmp_path: Path, sample) -> None:
    run = sample.training_run(tmp_path / "run")
    build(run, tmp_path / "logged.html")
    logged = sample.opened(tmp_path / "logged.html")[0]["series"]
    assert logged["actor/entropy"] == [[1, 2, 3], [1, 0.5, pytest.approx(1 / 3)]]
    (run / "metrics/1.jsonl").unlink()
    build(run, tmp_path / "traced.html")
    traced = sample.opened(tmp_path / "traced.html")[0]["series"]
    expected = [metrics_of(sample.groups_of(step)) for step in (1, 2, 3)]
    assert traced.keys() == expected[0].keys() | {"reward/score"}
    for name in expected[0]:
        assert traced[name] == [[1, 2, 3], pytest.approx([step[name] for step in expected])]
        assert logged[name] == traced[name]
    assert traced["tools/video_llm/seconds_p50"][1] == [2.0, 4.0, 6.0]


def test_verls_own_log_of_a_recipe_is_found(run: Path, tmp_path: Path, sample, monkeypatch) -> None:
    """Recipes set VERL_FILE_LOGGER_ROOT; the rest of the path is veRL's."""
    tracking = pytest.importorskip("verl.utils.tracking")
    (run / "metrics/1.jsonl").unlink()
    monkeypatch.delenv("VERL_FILE_LOGGER_PATH", raising=False)
    monkeypatch.setenv("VERL_FILE_LOGGER_ROOT", str(run / "metrics"))
    names = ("actor/grad_norm", "actor/kl_loss", "val-aux/toy_agent/accuracy/mean@1", "reward/accuracy")
    logger = tracking.FileLogger("firsthand", "tiny_grpo_ego_r1")
    for step in (1, 2, 3):
        logger.log(dict.fromkeys(names, step / 4), step)
    logger.finish()
    build(run, tmp_path / "view.html")
    series = sample.opened(tmp_path / "view.html")[0]["series"]
    assert all(series[name] == [[1, 2, 3], [0.25, 0.5, 0.75]] for name in names)
    for trace in run.glob("traces/*"):
        trace.unlink()
    assert build(run, tmp_path / "view.html").curves == len(names)


def test_names_that_a_model_invents_are_one_curve(run: Path, tmp_path: Path, sample) -> None:
    (run / "metrics/1.jsonl").unlink()
    invented = [sample.call(f"tool_{n}", "user_error", invented=True) for n in range(9)]
    sample.write(run / "traces/000001.jsonl", [sample.rollout("a_0_0", *invented, sample.answer("B")).as_row(1)])
    build(run, tmp_path / "view.html")
    series = sample.opened(tmp_path / "view.html")[0]["series"]
    assert series["tools/unknown/calls"] == [[1], [9.0]] and not any("tool_" in name for name in series)


def test_what_was_logged_stands_against_what_the_traces_say(run: Path, tmp_path: Path, sample) -> None:
    write_jsonl(run / "metrics/2.jsonl", [{"step": 3, "data": {"reward/accuracy": 0.75}}])  # a resumed run
    build(run, tmp_path / "view.html")
    steps, values = sample.opened(tmp_path / "view.html")[0]["series"]["reward/accuracy"]
    assert steps == [1, 2, 3] and values == pytest.approx([1 / 3, 1 / 3, 0.75])


def test_metrics_alone_and_rewards_without_conversations(run: Path, tmp_path: Path, sample) -> None:
    for path in run.glob("traces/*"):
        rows = [json.loads(line) | {"trace": None} for line in path.read_text().splitlines()]
        sample.write(path, rows)
    build(run, tmp_path / "view.html")
    index, rows = sample.opened(tmp_path / "view.html")
    assert index["columns"]["turns"] == [0] * 12 and not any("traced" in row and row["traced"] for row in rows)
    for path in run.glob("traces/*"):
        path.unlink()
    assert build(run, tmp_path / "view.html").trajectories == 0


def test_episodes_of_a_file_of_a_folder_and_beside_a_training_run(run: Path, tmp_path: Path, sample) -> None:
    rows = [
        sample.episode("q1", sample.call(), sample.answer("B")),
        sample.episode("q1#1", sample.answer("A"), letter="A", sample=1),
    ]
    path = sample.write(tmp_path / "out/sft.jsonl", rows)
    sample.write(tmp_path / "out/sft.jsonl.errors.jsonl", [{"id": "q9", "why": "the server was down"}])
    for named in (path, path.parent):
        build(named, tmp_path / "view.html")
        index, said = sample.opened(tmp_path / "view.html")
        assert index["count"] == 2 and words(index, "asked")[0] == ["q1", "What about q1?"]
        assert index["columns"]["step"] == [None, None] and index["series"] == {}
        assert index["flat"] == [0] and index["columns"]["group"] == [0, 0]  # a right and a wrong try
        assert said[0]["options"] == [["A", "the kettle"], ["B", "the cup"]] and said[0]["answer"] == "B"
    sample.write(run / "eval.jsonl", rows)
    sample.write(run / "trainer_log.jsonl", [{"current_steps": 1, "loss": 2.0}])
    assert [path.name for path in build(run, tmp_path / "view.html").ignored] == ["trainer_log.jsonl"]
    build(run, tmp_path / "view.html")
    index, _ = sample.opened(tmp_path / "view.html")
    assert words(index, "source") == ["training"] * 12 + ["eval"] * 2


@given(st.lists(st.text(max_size=40), min_size=1, max_size=30), st.booleans())
def test_every_conversation_is_found_where_the_index_says(tmp_path_factory, texts: list[str], inline: bool) -> None:
    """Chunks of a hundred characters, so that there are many."""
    folder = tmp_path_factory.mktemp("chunks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("firsthand.pages.run.chunks.CHUNK", 100)
        chunks, read = Chunks(folder / "page_chunks", 10**9 if inline else 0), []
        for number, text in enumerate(texts):
            chunks.add({"text": text, "number": number}, {text: text})
        kept = chunks.close()
    for number, start in enumerate(chunks.starts):
        content = kept[number] if inline else (chunks.folder / f"{number:05}.js").read_text().split(",", 2)[2][:-3]
        rows = json.loads(content)["rows"]
        assert rows[0]["number"] == start
        assert {row["text"] for row in rows} == json.loads(content)["frames"].keys()
        read += rows
    assert [row["text"] for row in read] == texts


def test_large_runs_go_into_chunks_and_a_later_small_page_removes_them(run: Path, tmp_path: Path, sample) -> None:
    page, folder = tmp_path / "view.html", tmp_path / "view_chunks"
    small = build(run, tmp_path / "small.html")
    large = build(run, page, inline=0)
    assert large.chunks == folder and [path.name for path in folder.iterdir()] == ["00000.js"]
    assert sample.opened(page)[1] == sample.opened(tmp_path / "small.html")[1] and small.chunks is None
    build(run, page, inline=0)
    assert sample.opened(page)[0]["build"] in (folder / "00000.js").read_text()
    build(run, page)
    assert not folder.exists()


def test_a_folder_of_other_files_is_not_touched(run: Path, tmp_path: Path) -> None:
    (tmp_path / "view_chunks").mkdir()
    (tmp_path / "view_chunks/thesis.tex").touch()
    with pytest.raises(UserError, match="view_chunks: has files that are not chunks of a page; choose another --out"):
        build(run, tmp_path / "view.html")
    assert (tmp_path / "view_chunks/thesis.tex").exists()


def test_an_error_leaves_the_old_page_whole_and_nothing_else(run: Path, tmp_path: Path, sample) -> None:
    build(run, tmp_path / "view.html", inline=0)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and run not in path.parents}
    sample.write(run / "traces/000003.jsonl", [{"step": 3}])
    with pytest.raises(UserError, match=r"000003.jsonl:1: no trajectory"):
        build(run, tmp_path / "view.html", inline=0)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and run not in path.parents}
    assert after == before and len(before) == 2


@pytest.mark.parametrize("value", ["</script><script>x</script>", "<!--", "</SCRIPT >", "\ud800"])
def test_json_for_a_script_element(value: str) -> None:
    text = as_json({value: value})
    assert "<" not in text and json.loads(text) == {value: value}


def test_hostile_words_are_on_the_page_as_words(tmp_path: Path, sample) -> None:
    build(sample.write(tmp_path / "episodes.jsonl", [sample.hostile_episode()]), tmp_path / "view.html")
    html = (tmp_path / "view.html").read_text(encoding="utf-8")
    index, [row] = sample.opened(tmp_path / "view.html")
    said = sample.HOSTILE.replace("\ud800", "?")
    assert html.count("</script>") == html.count("<script") == 3  # the index, a chunk, the script
    assert row["turns"][0]["observation"] == said and row["turns"][0]["arguments"][1] == [said, said]
    assert row["turns"][0]["arguments"][0][0] == "__proto__"
    assert row["parts"] == [[said, None]] and words(index, "label") == [said]
    assert len(row["turns"][2]["text"]) > 50_000


def test_torn_lines_are_counted_and_said(run: Path, tmp_path: Path, sample) -> None:
    path = sample.write(
        tmp_path / "e.jsonl", [sample.episode("q1", sample.answer("B")), sample.episode("q2", sample.answer("B"))]
    )
    whole = path.read_text()
    path.write_text(whole.replace("\n", '\n{"id": "half\n', 1)[:-9])
    result = CliRunner().invoke(app, ["view", str(path), "--out", str(tmp_path / "view.html")])
    assert result.exit_code == 1 and "1 trajectories" in result.output
    assert f"left out: {path}:2: not JSON" in result.output
    assert f"left out: {path}:3: torn last line" in result.output and "2 lines could not be read" in result.output
    assert len(sample.opened(tmp_path / "view.html")[0]["notes"]) == 2
    path.write_text(whole)
    result = CliRunner().invoke(app, ["view", str(path), "--out", str(tmp_path / "view.html")])
    assert result.exit_code == 0 and "2 trajectories" in result.output
    with (run / "metrics/1.jsonl").open("a") as handle:
        handle.write('{"step": 4, "da')
    assert build(run, tmp_path / "view.html").unread == [f"{run}/metrics/1.jsonl:4: torn last line"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"id": "q", "output": "B"}, "e.jsonl:1: no trajectory: it has no `trace`; name a folder"),
        ({"id": "q", "trace": {"turns": "none", "stop": "answer"}}, r"e.jsonl:1: trace.turns: Input should be a valid"),
        ({"trace": None}, "e.jsonl:1: id: Input should be a valid string"),
        ({"id": "q", "trace": {"turns": [{"text": "x", "action": "call", "spans": [1]}], "stop": "answer"}}, "spans.0"),
    ],
)
def test_rows_of_another_program_are_an_error(tmp_path: Path, row: dict, words: str, sample) -> None:
    with pytest.raises(UserError, match=words):
        build(sample.write(tmp_path / "e.jsonl", [row]), tmp_path / "view.html")


def test_wrong_and_empty_folders(run: Path, tmp_path: Path, sample) -> None:
    out = tmp_path / "view.html"
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        build(tmp_path / "nowhere", out)
    with pytest.raises(UserError, match=f"did you mean {run}"):
        build(tmp_path, out)
    (tmp_path / "empty/traces").mkdir(parents=True)
    with pytest.raises(
        UserError, match=r"no trajectories and no metrics in this folder; it should hold traces/\*.jsonl"
    ):
        build(tmp_path / "empty", out)
    (tmp_path / "empty/traces/000001.jsonl").touch()
    with pytest.raises(UserError, match="nothing to show: 1 files without a whole line"):
        build(tmp_path / "empty", out)
    assert not out.exists()
