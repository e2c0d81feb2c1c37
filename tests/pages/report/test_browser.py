"""The page in a real browser: its script runs, says nothing on the console, and nothing hostile does."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from firsthand.pages.report.build import build

pytestmark = pytest.mark.browser
Browse = Callable[..., str]


@pytest.fixture
def browse(chromium: list[str], run_dir: Path, tmp_path: Path) -> Browse:
    page = tmp_path / "report.html"
    build(run_dir, page)

    def run(fragment: str = "", *flags: str, probe: str = "", width: int = 0) -> str:
        """The document after its scripts. `probe` runs last, in a copy of the page that allows any script; `width` puts
        the page into a frame, because a browser window has a least width, and shows what it says to its parent."""
        target = page
        if probe:
            target = tmp_path / "probe.html"
            open_page = re.sub(r"<meta http-equiv=.*", "", page.read_text(), count=1)
            target.write_text(open_page.replace("</body>", f"<script>{probe}</script></body>"))
        if width:
            frame = f'<iframe src="{target.name}" style="border: 0; width: {width}px; height: 900px"></iframe>'
            listen = "<script>onmessage = (event) => { document.body.dataset.heard = event.data; }</script>"
            target = tmp_path / "frame.html"
            target.write_text(f"<!doctype html><body style='margin: 0'>{listen}{frame}")
        command = [*chromium, *flags]
        if not any(flag.startswith("--screenshot") for flag in flags):
            command.append("--dump-dom")
        done = subprocess.run([*command, f"{target.as_uri()}{fragment}"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "CONSOLE" not in done.stderr, done.stderr
        return done.stdout

    return run


def articles(dom: str) -> list[bool]:
    """Which trajectories are shown."""
    return ["hidden" not in tag for tag in re.findall(r"<article[^>]*>", dom)]


def test_the_script_runs_and_hostile_text_does_not(browse: Browse) -> None:
    dom = browse()
    html = re.search(r"<html[^>]*>", dom)
    assert html and 'data-ready="true"' in html[0] and "data-owned" not in html[0]
    assert dom.count('<path class="curve') == 5 + 4  # every curve, and the moving mean of the four long ones
    assert articles(dom) == [True] * 6 and "6 shown" in dom


def test_hostile_text_would_not_run_without_the_policy_either(browse: Browse) -> None:
    dom = browse(probe="document.documentElement.dataset.probe = 'ran'")
    html = re.search(r"<html[^>]*>", dom)
    assert html and 'data-probe="ran"' in html[0] and "data-owned" not in html[0]


@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("#show=right", [True, True, False, True, True, False]),
        ("#show=wrong", [False, False, True, False, False, True]),
        ("#show=changed", [True, False, False, True, False, False]),
        ("#label=social", [False, False, True, False, False, True]),
        ("#show=right&label=scene", [False, True, False, False, True, False]),
    ],
)
def test_filters_from_the_address(browse: Browse, report, fragment: str, shown: list[bool]) -> None:
    dom = browse(fragment)
    assert articles(dom) == shown and f"{sum(shown)} shown" in dom
    pressed = re.findall(r'data-value="([^"]*)"[^>]*aria-pressed="true"', dom)
    assert all(value in fragment for value in pressed if value != "all") and len(pressed) == 2


def test_one_step_in_all_charts(browse: Browse, report) -> None:
    dom = browse("#step=40")
    outputs = re.findall(r"<figcaption><span>([^<]*)</span><output>([^<]*)</output>", dom)
    series = report["curves"]["series"]
    expected = {name: f"40: {points[39][1]:.4g}" for name, points in series.items() if len(points) == 60}
    assert dict(outputs) == expected | {"grounding": "–"}
    assert dom.count('class="cursor on"') == 4


def test_pointer_keys_and_buttons(browse: Browse, report) -> None:
    probe = """
      const chart = document.querySelector('.chart'), svg = chart.querySelector('svg');
      const box = svg.getBoundingClientRect();
      const said = () => chart.querySelector('output').textContent + ' @' + location.hash;
      const log = [];
      svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left, clientY: box.top})); log.push(said());
      chart.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'})); log.push(said());
      svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.right, clientY: box.top})); log.push(said());
      svg.dispatchEvent(new PointerEvent('pointerleave')); log.push(said());
      document.querySelector('button[data-value=wrong]').click(); log.push(location.hash);
      document.querySelector('.frames img').click(); log.push(document.querySelector('dialog').open);
      document.querySelector('dialog').click(); log.push(document.querySelector('dialog').open);
      document.body.dataset.log = log.join('|');
    """
    dom = browse(probe=probe)
    score = [f"{value:.4g}" for _, value in report["curves"]["series"]["score"]]
    log = re.search(r'data-log="([^"]*)"', dom)
    assert log and log[1].split("|") == [
        f"1: {score[0]} @#step=1",
        f"2: {score[1]} @#step=2",
        f"60: {score[-1]} @#step=60",
        f"{score[-1]} @",
        "#show=wrong",
        "true",
        "false",
    ]
    assert articles(dom) == [False, False, True, False, False, True]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_nothing_overflows_and_the_scheme_is_followed(browse: Browse, tmp_path, width: int, scheme: int) -> None:
    look = ("--window-size=1400,900", f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=3000")
    probe = """
      const { clientWidth: width, scrollWidth } = document.documentElement;
      const wide = [...document.querySelectorAll('body *')].filter((element) =>
        !element.closest('.frames') && element.getBoundingClientRect().right > width + 0.5
      ).map((element) => element.tagName + '.' + element.className).join(' ');
      parent.postMessage([width, scrollWidth, wide, getComputedStyle(document.body).backgroundColor].join('|'), '*');
    """
    dom = browse("", *look, probe=probe, width=width)
    ground = ("rgb(21, 23, 26)", "rgb(251, 250, 248)")[scheme]
    assert f'data-heard="{width}|{width}||{ground}"' in dom
    picture = tmp_path / "page.png"
    browse("", *look, f"--screenshot={picture}", width=width)
    with Image.open(picture) as image:
        assert image.convert("RGB").getpixel((2, 2)) == ((21, 23, 26), (251, 250, 248))[scheme]
        assert len(image.crop((0, 0, width, 900)).convert("L").getcolors() or []) > 20, "the picture is blank"
