"""The page of a run: what is drawn is what the model said, and it needs nothing from outside."""

import json
import re

import pytest
import torch
from safetensors.torch import save_file

from firsthand.egoagent.data.build_shards import build_clips
from firsthand.egoagent.data.egoexo import JOINTS
from firsthand.egoagent.data.pieces import Step
from firsthand.egoagent.model.config import EgoAgentConfig
from firsthand.egoagent.model.model import EgoAgentModel
from firsthand.egoagent.pages.rollout import build, curves, skeleton
from firsthand.errors import UserError
from firsthand.toy.rounds.build import Size
from firsthand.toy.rounds.build import build as build_world


def nothing(*_) -> None:
    pass


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("pages") / "world"
    build_world(out, Size(takes=1, held_out=2, steps=8))
    build_clips(out / "shards/val", out / "egoexo", "val", "automatic", Step(), None, nothing)
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("pages") / "run <b>"
    config = EgoAgentConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, head_hidden=16,
        head_bottleneck=16, prototypes=16,
    )  # fmt: skip
    for name in ("student", "teacher"):
        EgoAgentModel(config).save_pretrained(out / name)
    save_file({"centres": torch.zeros(2, 16)}, out / "centres.safetensors")
    rows = [{"step": step, "loss": 9.0 - step, "rep": 2.0, "entropy": 1.5, "spread": 0.5} for step in (1, 2, 3)]
    (out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return out


def test_a_page_shows_clips_curves_and_no_stranger(run, data, tmp_path) -> None:
    built = build(run, data, tmp_path / "page.html", 3, 100, 4, None, "cpu", nothing)
    page = (tmp_path / "page.html").read_text()
    assert built.clips == page.count("<article>") == 3
    assert page.count("step.skeleton") == 0 and page.count('<svg viewBox="0 0 100 100"') == 3 * 4
    assert page.count('<figure class="chart">') == 4
    assert "run &lt;b&gt;" in page and "run <b>" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_without_shards_there_is_no_page(run, tmp_path) -> None:
    with pytest.raises(UserError, match=r"no shards\.json"):
        build(run, tmp_path, tmp_path / "page.html", 3, 100, 4, None, "cpu", nothing)


def test_losses_and_health_have_charts_of_what_was_logged(run, tmp_path) -> None:
    groups = {title: [chart.name for chart in charts] for title, charts in curves(run)}
    assert groups == {"Losses": ["loss", "rep"], "Health": ["entropy", "spread"]}
    assert curves(tmp_path) == []


def test_limbs_with_a_hidden_end_are_not_drawn_as_true_ones() -> None:
    true, visible = torch.zeros(17, 3), torch.ones(17, dtype=torch.bool)
    wrist, elbow = JOINTS.index("left-wrist"), JOINTS.index("left-elbow")
    true[wrist, 0], true[wrist, 1] = 0.5, 1.0  # half a metre to the right, a metre down
    drawn = skeleton(true, true + torch.tensor([0.03, 0.04, 0.0]), visible)
    assert (50.0, 12.0, 73.0, 58.0) in drawn.true and len(drawn.true) == len(drawn.predicted) == 16
    assert drawn.error == pytest.approx(5)
    visible[elbow] = False
    assert len(skeleton(true, true, visible).true) == 14
