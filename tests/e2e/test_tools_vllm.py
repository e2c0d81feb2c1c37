"""The visual tools over a real vLLM server: frames of a store go out, a model's words come back."""

from pathlib import Path

import httpx
import pytest
from PIL import Image

from firsthand import clock
from firsthand.media.index import writing
from firsthand.serving.vllm_server import vllm_server
from firsthand.tools import config
from firsthand.tools.scope import Scope
from firsthand.tools.serve.server import Limits, build

MODEL = Path(__file__).parents[2] / "models/tiny_qwen3_vl"
START = clock.parse("DAY1_11000000")
CONFIG = """
video: {folder}
state: {folder}/state
backends: {{seer: {{kind: openai, base_url: "{url}", model: tiny, max_tokens: 8}}}}
cassettes: {{mode: auto, folder: {folder}/cassettes}}
tools: {{video_llm: {{backend: seer, max_frames: 4, max_pixels: 4096}}, vlm: {{backend: seer, max_pixels: 4096}}}}
"""

pytestmark = pytest.mark.e2e


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Ten seconds of one colour a second."""
    with writing(tmp_path, {"fps": 1.0}) as index, index:
        folder, end = "A1_JAKE/clip", clock.plus(START, 9)
        values = (folder, "A1_JAKE", START, end, folder)
        index.execute("INSERT INTO videos VALUES (1, ?, 0, 0, ?, ?, ?, ?)", values)
        (tmp_path / folder).mkdir(parents=True)
        for second in range(10):
            moment = clock.plus(START, second)
            Image.new("RGB", (64, 64), (25 * second, 100, 50)).save(tmp_path / folder / f"{clock.stamp(moment)}.jpg")
            index.execute("INSERT INTO frames VALUES ('A1_JAKE', ?, ?, ?, 1)", (moment, START, float(second)))
    return tmp_path


def test_visual_tools_over_vllm(store: Path, serve) -> None:
    pytest.importorskip("vllm")
    with vllm_server(MODEL, "tiny", store / "vllm.log", max_model_len=2048) as url:
        (store / "tools.yaml").write_text(CONFIG.format(folder=store, url=url))
        toolbox = config.load(store / "tools.yaml")
        tools = serve(build(toolbox, Scope.of("A1_JAKE", "DAY1_11000800"), Limits()))
        with httpx.Client(base_url=tools, timeout=120) as client:
            look = {"question": "Which room is it?", "timestamp": "DAY1_11000300"}
            watch = {"question": "What do I do?", "range": "DAY1_11000000-DAY1_11000800"}
            seen, watched = client.post("/vlm", json=look), client.post("/video_llm", json=watch)
            assert (seen.headers["x-outcome"], watched.headers["x-outcome"]) == ("ok", "ok"), seen.text + watched.text
            assert seen.json()["answer"] and seen.json()["exact_match"]
            assert watched.json()["answer"] and watched.json()["length"] == 8.0
            later = client.post("/vlm", json={**look, "timestamp": "DAY1_11000900"})
            assert later.headers["x-outcome"] == "blocked_by_time"
            again = client.post("/vlm", json=look)
    assert again.json() == seen.json() and toolbox.counters.events["vlm", "replayed"] == 1
