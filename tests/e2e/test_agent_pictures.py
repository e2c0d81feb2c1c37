"""The stock trainer with an agent whose tool returns pictures: vLLM and the actor see the same, in the same place."""

import asyncio
import sys
from pathlib import Path

import pytest

from firsthand.tools import config

sys.path.insert(0, str(Path(__file__).parent))
import agent_world

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def world(on_cpu, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("agent")
    agent_world.make(out, "ego_r1_native")
    tools = out / "tools.yaml"
    tools.write_text(f"video: {out}/store\nstate: {out}/state\ntools: {{frames: {{}}}}\n")
    loops = (agent_world.ROOT / "recipes/toy/loop.yaml").read_text()
    (out / "agent.yaml").write_text(loops.replace("recipes/toy/tools.yaml", str(tools)))
    agent_world.teach(out / "model", "qwen3_vl", agent_world.watching(), asyncio.run(schemas(tools)), steps=80)
    return out


async def schemas(tools: Path) -> list[dict]:
    toolbox = config.load(tools)
    try:
        return toolbox.schemas()
    finally:
        await toolbox.close()


def test_pictures_of_tools_are_trained_on_as_they_were_sampled_from(world, tmp_path):
    """Two steps, the second on weights that the first has moved. The proof is the probability of each sampled token:
    with other pictures, or with pictures elsewhere, the actor would give another than vLLM."""
    process = agent_world.start(
        world, "tiny_grpo_qwen3vl", tmp_path, "trainer.total_training_steps=2", "trainer.save_freq=-1",
        "actor_rollout_ref.rollout.n=4",
        "reward.custom_reward_function.path=tests/e2e/varied_reward.py", "~reward.custom_reward_function.reward_kwargs",
    )  # fmt: skip
    assert process.wait() == 0, (tmp_path / "log").read_text()[-5000:]
    logged = agent_world.metrics(tmp_path)
    for step in (1, 2):
        rollouts = agent_world.traces(tmp_path, step)
        seen = [rollout for rollout in rollouts if any(turn["images"] for turn in rollout["trace"]["turns"])]
        assert len(rollouts) == 16 and len(seen) >= 8
        assert all(rollout["trained"] for rollout in seen)
        assert logged[step]["training/rollout_probs_diff_max"] < 0.01
        assert logged[step]["training/rollout_actor_probs_pearson_corr"] > 0.98
        assert logged[step]["actor/grad_norm"] > 1e-3
