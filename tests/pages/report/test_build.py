"""The page is one file, says what the run says, and lets nothing that a model wrote become markup."""

import json
import re
import socket
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.html.render import duration
from firsthand.pages.report.build import build, render
from firsthand.pages.report.cards import spread
from firsthand.pages.report.figures import draw
from firsthand.pages.report.model import Curves, RunReport


class Page(HTMLParser):
    """The elements of a page as a browser's parser would find them, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.script: list[str] = []
        self._inside: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        (self.script if self._inside == "script" else self.text).append(data)


def page_of(run_dir: Path, **options: Any) -> str:
    out = run_dir.parent / "report.html"
    build(run_dir, out, **options)
    return out.read_text()


def test_the_numbers_of_the_run_are_on_the_page(run_dir) -> None:
    text = " ".join(Page(page_of(run_dir)).text)
    for words in ["Toy week, tiny Qwen3-VL", "67.2", "60.1–73.7", "n = 180", "interaction", "72.5 %", "B is right"]:
        assert words in text
    for words in ["grpo against sft: +13.9 points", "no clear letter: wrong", "1 h 03 min", "Seed 7", "masked"]:
        assert words in text


def test_the_page_needs_nothing_but_itself(run_dir, monkeypatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    page = Page(page_of(run_dir))
    links = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert links and all(value is not None and value.startswith("data:") for value in links)
    assert not {"iframe", "object", "embed", "base", "form", "video"} & {tag for tag, _ in page.tags}
    style = next(block for block in re.findall(r"<style>(.*?)</style>", page_of(run_dir), re.S))
    assert "url(" not in style and "@import" not in style


def test_hostile_text_stays_text(run_dir, report) -> None:
    hostile = report["notes"][1]
    report["title"] = report["subtitle"] = hostile
    report["curves"]["series"] = {hostile: [[1, 0.5]]}
    report["table"][0] |= {"model": hostile, "by": {hostile: {"n": 3, "correct": 1}}}
    report["stages"][0]["name"] = report["commands"][0] = hostile
    first = report["trajectories"][0]
    first |= {"id": hostile, "label": hostile, "question": hostile, "options": {"A": hostile, "B": hostile}}
    first |= {"outputs": {hostile: hostile}, "parts": {hostile: {hostile: 1}}}
    (run_dir / "report.json").write_text(json.dumps(report))
    html = page_of(run_dir)
    page = Page(html)
    assert [attributes.get("type") for tag, attributes in page.tags if tag == "script"] == ["application/json", None]
    assert len(page.script) == 2 and json.loads(page.script[0]).keys() == {hostile}
    assert not [attributes for _, attributes in page.tags if "onerror" in attributes or attributes.get("src") == "x"]
    assert "49" not in re.sub(r"data:[^\"]*", "", page.script[0])
    assert "".join(page.text).count("dataset.owned") >= 10


@settings(max_examples=settings.default.max_examples // 3)
@given(
    text=st.lists(st.sampled_from(["<", "</", "script", ">", "<!--", "'", '"', "&", "{{", "%}", "\0", "a"])).map(
        "".join
    )
)
def test_no_text_adds_an_element(report: dict[str, Any], tmp_path: Path, text: str) -> None:
    def tags(words: str) -> list[str]:
        trajectory = report["trajectories"][0] | {"frames": [], "outputs": {"m": words}, "parts": {}, "question": words}
        slim = {"title": words, "table": report["table"], "trajectories": [trajectory], "notes": [words]}
        slim["curves"] = {"series": {words: [[1, 0.5]]}}
        found = Page(render(RunReport.model_validate(slim), tmp_path)).tags
        return [tag for tag, attributes in found if attributes.get("class") != "tag"]

    assert tags(text) == tags("plain")


def test_lone_surrogates_can_be_written(run_dir, report) -> None:
    report["trajectories"][0]["outputs"]["grpo"] = "odd \ud800 text"
    (run_dir / "report.json").write_text(json.dumps(report))
    assert "odd ? text" in page_of(run_dir)


def test_how_many_trajectories_and_frames_are_shown_is_said(run_dir) -> None:
    html = page_of(run_dir, trajectories=2, frames=3)
    assert html.count("<article") == 2 and html.count("data:image/jpeg") == 6
    text = " ".join("".join(Page(html).text).split())
    assert "2 of 6 trajectories" in text and "3 of 8 frames" in text


def test_empty_sections_are_left_out(run_dir, report) -> None:
    (run_dir / "report.json").write_text(json.dumps({"title": "Only a table", "table": report["table"]}))
    tags = [attributes.get("id") for tag, attributes in Page(page_of(run_dir)).tags if tag == "section"]
    assert tags == ["accuracy"]


@given(st.integers(0, 90), st.integers(1, 20))
def test_spread_keeps_order_and_both_ends(count: int, most: int) -> None:
    frames = [f"{i:02}" for i in range(count)]
    chosen = spread(frames, most)
    assert len(chosen) == min(count, most) == len(set(chosen)) and chosen == sorted(chosen)
    if count and most > 1:
        assert (chosen[0], chosen[-1]) == (frames[0], frames[-1])


@pytest.mark.parametrize(("seconds", "text"), [(9.4, "9 s"), (60, "1 min 00 s"), (3599.6, "1 h 00 min"), (0, "0 s")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def change(report: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split("/")
    node: Any = report
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node[key]
    node[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("titel", "x", "titel: Extra inputs"),
        ("table", [], "table: List should have at least 1"),
        ("table/0/correct", "many", "table.0.correct"),
        ("table/0/correct", 181, "table.0: .*181 right of 180"),
        ("curves/series/score", [[1, None]], "curves.series.score.0.1"),
        ("curves/series/score", [[1, float("nan")]], "curves.series.score.0.1"),
        ("curves/series/score", [], "curves.series.score"),
        ("trajectories/0/answer", "E", "trajectories.0: .*answer 'E' is not one of the options 'ABCD'"),
        ("trajectories/0/options", {"A1": "x", "B": "y"}, "trajectories.0.options.A1.*at most 1 character"),
        ("trajectories/0/parts", {"dpo": {}}, "trajectories.0: .*'dpo', which has no output"),
        ("trajectories/0/frames", ["../../secret.jpg"], "A1_JAKE/day2/000.*outside the media root"),
        ("trajectories/0/frames", ["report.json"], "A1_JAKE/day2/000.*not a readable image"),
        ("trajectories/0/frames", ["frames/none.jpg"], "A1_JAKE/day2/000.*no such file"),
        ("costs", {"series": {"score": [[1, 0.5]]}}, "'score' is a series of `curves` and of `costs`"),
        ("media_root", "elsewhere", "media_root: no such folder"),
    ],
)
def test_mistakes_name_the_key(run_dir, report, path: str, value: Any, message: str) -> None:
    change(report, path, value)
    (run_dir / "report.json").write_text(json.dumps(report))
    with pytest.raises(UserError, match=message):
        page_of(run_dir)
    assert not (run_dir.parent / "report.html").exists()


def test_the_command_builds_and_says_what(run_dir, tmp_path) -> None:
    out = tmp_path / "page.html"
    result = CliRunner().invoke(app, ["report", "build", str(run_dir), "--out", str(out), "--trajectories", "4"])
    assert result.exit_code == 0 and "3 models, 5 curves, 4 of 6 trajectories" in result.output
    assert out.read_text().startswith("<!doctype html>")


def test_the_command_names_a_missing_run(tmp_path) -> None:
    result = CliRunner().invoke(app, ["report", "build", str(tmp_path / "none")])
    assert result.exit_code == 1 and "report.json: no such file" in result.output


def test_an_out_that_is_a_folder_is_one_message(run_dir, tmp_path) -> None:
    result = CliRunner().invoke(app, ["report", "build", str(run_dir), "--out", str(tmp_path)])
    assert result.exit_code == 1 and "cannot be written" in result.output


def test_the_line_of_chance_is_drawn_where_it_is_known() -> None:
    """Its height is that of the value on the axis, which it may stretch."""
    charts = {chart.name: chart for chart in draw({"a": [(0, 0.5), (1, 0.9)], "b": [(0, 3.0), (1, 4.0)]}, {"a": 0.25})}
    assert charts["b"].chance is None and charts["a"].chance and charts["a"].chance.text == "chance 0.25"
    ticks = {tick.text: tick.at for tick in charts["a"].y_ticks}
    assert charts["a"].chance.at == ticks["0.25"]
    with pytest.raises(ValueError, match="not a series"):
        Curves(series={"a": [(0, 1.0)]}, chance={"accuracy": 0.25})


def test_what_it_cost_is_a_section_of_its_own_whose_charts_have_their_own_names(run_dir, report) -> None:
    report["costs"] = {"x": "thousand tokens", "series": {"accuracy, by cost": [(100.0, 0.5), (300.0, 0.75)]}}
    (run_dir / "report.json").write_text(json.dumps(report))
    page = page_of(run_dir)
    assert page.count('<section id="curves"') == 1 and page.count('class="curves"') == 2
    assert "Learning by thousand tokens" in page and 'data-series="accuracy, by cost"' in page
