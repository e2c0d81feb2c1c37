"""The page in a real browser, from a file: it finds its chunks, says nothing on the console, runs nothing hostile."""

import json
import re
import subprocess
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from firsthand.pages.run.build import build

pytestmark = pytest.mark.browser
Browse = Callable[..., Any]


LISTEN = "<script>onmessage = (event) => { document.body.dataset.heard = event.data; };</script>"
HAND_OVER = """<script>addEventListener('load', () => setTimeout(() => {
  (async () => { PROBE })().then((said) => parent.postMessage(JSON.stringify(said), '*'));
}, 400));</script>"""


@pytest.fixture
def browse(chromium: list[str], tmp_path: Path) -> Browse:
    def run(page: Path, fragment: str = "", probe: str = "", width: int = 0) -> Any:
        """The document after its scripts; or what `probe` returns, which runs in a copy of the page without its policy
        after everything is loaded. `width` puts the page into a frame, because a window has a least width."""
        target = page
        if probe:
            target = page.with_name("probe.html")
            html = re.sub(r"<meta http-equiv=.*", "", page.read_text(encoding="utf-8"), count=1)
            html = html.replace("</body>", LISTEN + HAND_OVER.replace("PROBE", probe) + "</body>")
            target.write_text(html, encoding="utf-8")
        if width:
            frame = (
                f'<iframe src="{target.name}{fragment}" style="border: 0; width: {width}px; height: 800px"></iframe>'
            )
            target, fragment = page.with_name("frame.html"), ""
            target.write_text(f"<!doctype html><body>{LISTEN}{frame}")
        command = [*chromium, "--window-size=1440,900", "--virtual-time-budget=5000"]
        command += ["--dump-dom", f"{target.as_uri()}{fragment}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "CONSOLE" not in done.stderr, done.stderr
        if not probe:
            return done.stdout
        heard = re.search(r'data-heard="([^"]*)"', done.stdout)
        assert heard, done.stdout[-2000:]
        return json.loads(unescape(heard[1]))

    return run


def article(dom: str) -> str:
    found = re.search(r"<article[^>]*>(.*)</article>", dom, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("inline", [10**9, 0], ids=["one file", "chunks"])
def test_nothing_hostile_runs_and_the_conversation_is_there(browse, sample, tmp_path: Path, inline: int) -> None:
    rows = [sample.episode("q1", sample.call(), sample.answer("B")), sample.hostile_episode()]
    page = tmp_path / "a page #1.html"
    build(sample.write(tmp_path / "e.jsonl", rows), page, inline=inline)
    dom = browse(page, "#tab=list&row=1")
    html = re.search(r"<html[^>]*>", dom)
    assert html and "data-ready" in html[0] and "data-owned" not in html[0]
    said = article(dom)
    assert "<img" not in said and "<svg" not in said and "<script" not in said
    assert "&lt;/script&gt;&lt;script&gt;" in said and "show all" in said
    assert dom.count('<div role="option"') == 2 and "2 of 2" in dom


def test_hostile_text_would_not_run_without_the_policy_either(browse, sample, tmp_path: Path) -> None:
    build(sample.write(tmp_path / "e.jsonl", [sample.hostile_episode()]), tmp_path / "view.html")
    probe = "return [document.documentElement.dataset.owned ?? '', {}.polluted ?? '', article.textContent.length]"
    owned, polluted, length = browse(tmp_path / "view.html", "#tab=list&row=0", probe=probe)
    assert (owned, polluted) == ("", "") and 4000 < length < 20_000


def test_the_policy_names_the_one_script_and_forbids_markup_from_text(sample, tmp_path: Path) -> None:
    build(sample.write(tmp_path / "e.jsonl", [sample.hostile_episode()]), tmp_path / "view.html")
    dom = (tmp_path / "view.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', dom)
    [script] = re.findall(r"<script>(.*?)</script>", dom, re.DOTALL)
    assert policy and f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy[1]
    assert "require-trusted-types-for 'script'" in policy[1] and "default-src 'none'" in policy[1]


def test_filters_order_and_keys(browse, run: Path, tmp_path: Path) -> None:
    build(run, tmp_path / "view.html", inline=0)
    probe = """
      const lists = {};
      const look = (name, changes) => {
        for (const key of [...state.keys()]) state.delete(key);
        set({ tab: "list", ...changes });
        refresh();
        lists[name] = rows;
      };
      look("all", {});
      look("right", { right: "right" });
      look("stop", { stop: "invalid" });
      look("tool", { tool: "video_llm" });
      look("outcome", { tool: "rag", outcome: "timeout" });
      look("person", { person: "A2_ALICE" });
      look("signal", { signal: "mixed", step_min: 2, step_max: 2 });
      look("group", { group: columns.group[6] });
      look("turns", { turns_min: 2, turns_max: 2 });
      look("words", { q: "B" });
      look("nothing", { q: "no such words" });
      look("sorted", { sort: "score", down: 1, step_max: 1 });
      look("keys", {});
      const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      const at = () => Number(state.get("row"));
      const keys = [at()];
      for (const key of ["j", "j", "k", "End", "j"]) { press(key); keys.push(at()); }
      press("r"); keys.push(state.get("raw"));
      press("2"); keys.push(state.get("tab"));
      return { ...lists, keys };
    """
    said = browse(tmp_path / "view.html", probe=probe)
    assert said == {
        "all": list(range(12)),
        "right": [0, 4, 8],
        "stop": [2, 6, 10],
        "tool": [0, 4, 8],
        "outcome": [3, 7, 11],
        "person": [3, 7, 11],
        "signal": [4, 5],
        "group": [6, 7],
        "turns": [1, 5, 9],
        "words": [2, 3, 6, 7, 10, 11],
        "nothing": [],
        "sorted": [0, 1, 2, 3],
        "keys": [0, 1, 2, 1, 11, 11, "1", "tools"],
    }


def test_curves_and_tools_say_the_numbers(browse, run: Path, tmp_path: Path) -> None:
    build(run, tmp_path / "view.html")
    probe = """
      const cells = (row) => [...row.children].map((cell) => cell.textContent);
      const charts = [...document.querySelectorAll(".chart figcaption")].map(cells);
      const ticks = document.querySelectorAll("#curves [type=checkbox]").length;
      set({ tab: "tools" });
      refresh();
      const tiles = Object.fromEntries([...document.querySelectorAll(".tiles div")].map(cells));
      return [charts, ticks, tiles, [...document.querySelectorAll(".scroll tbody tr")].map(cells)];
    """
    page = tmp_path / "view.html"
    charts, ticks, tiles, tools = browse(page, "#tab=curves&metrics=reward/accuracy,actor/entropy", probe=probe)
    assert charts == [["actor/entropy", "0.3333"], ["reward/accuracy", "0.3333"]] and ticks > 15
    assert tiles["trajectories"] == "12" and tiles["right"] == "25.0 %" and tiles["turns"] == "1.75"
    assert tiles["groups without signal"] == "50.0 %" and tiles["with faults of tools"] == "25.0 %"
    assert tools == [
        ["rag", "9", "9 (75.0 %)", "33.3 %", "ok 3 · user_error 3 · timeout 3", "100 ms", "100 ms", "100 ms", "100 ms"],
        ["video_llm", "3", "3 (25.0 %)", "100.0 %", "ok 3", "4.0 s", "5.6 s", "6.0 s", "6.0 s"],
    ]


def test_ten_thousand_trajectories_are_a_screenful_of_elements(browse, sample, tmp_path: Path) -> None:
    row = json.dumps(sample.episode("ID", sample.call(), sample.answer("B"), label=None))
    path = tmp_path / "e.jsonl"
    path.write_text("".join(row.replace("ID", f"q{number}") + "\n" for number in range(10_000)))
    assert build(path, tmp_path / "view.html").chunks
    probe = """
      const before = box.querySelectorAll("[role=option]").length;
      const loaded = document.querySelectorAll("script[src]").length;
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
      return [before < 60, loaded, box.querySelector("[aria-selected=true]").textContent];
    """
    few, loaded, last = browse(tmp_path / "view.html", "#tab=list", probe=probe)
    assert few and loaded == 1 and "What about q9999?" in last


def test_chunks_that_are_not_there_or_of_another_page(browse, sample, tmp_path: Path) -> None:
    rows = [sample.episode(f"q{number}", sample.call(text="x" * 600_000)) for number in range(2)]
    build(sample.write(tmp_path / "e.jsonl", rows), tmp_path / "view.html", inline=0)
    first, second = sorted((tmp_path / "view_chunks").iterdir())
    second.unlink()
    first.write_text(re.sub(r'chunk\("\w+"', 'chunk("000000"', first.read_text()))
    probe = """
      const said = [article.textContent];
      set({ row: 1 });
      await talk(1);
      return [...said, article.textContent];
    """
    strange, missing = browse(tmp_path / "view.html", "#tab=list", probe=probe)
    assert "view_chunks/00000.js belongs to another page" in strange
    assert "view_chunks/00001.js is not beside this page" in missing


def test_nothing_overflows_a_narrow_window(browse, run: Path, sample, tmp_path: Path) -> None:
    sample.write(run / "eval.jsonl", [sample.hostile_episode()])
    build(run, tmp_path / "view.html")
    probe = """
      const wide = {};
      for (const tab of ["list", "tools", "curves"]) {
        set({ tab });
        refresh();
        const { clientWidth: width, scrollWidth } = document.documentElement;
        wide[tab] = [width, scrollWidth, ...[...document.querySelectorAll("body *")].filter((element) =>
          !element.closest(".scroll") && element.getBoundingClientRect().right > width + 0.5
        ).map((element) => element.tagName + "." + element.className)];
      }
      return wide;
    """
    wide = browse(tmp_path / "view.html", "#tab=list&row=12", probe=probe, width=400)
    assert wide == {tab: [400, 400] for tab in ("list", "tools", "curves")}
