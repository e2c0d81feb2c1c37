"""The sampler between veRL's store and its trainer: groups, traces, and batches of which the tools left nothing."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("verl")
import torch

from firsthand.training import replay_buffer


def trajectory(key: str, score: float, faulty: bool = False, identity: str = "A1_JAKE") -> tuple[str, dict]:
    action = {"action": "call", "tool": "rag", "status": "infra_error" if faulty else "ok", "tool_seconds": 0.1}
    trace = {"turns": [action], "faults": int(faulty), "stop": "answer"}
    return key, {
        "rm_scores": torch.tensor([0.0, 0.0, score]),
        "response_mask": torch.zeros(3, dtype=int) if faulty else torch.tensor([1, 0, 1]),
        "extra_fields": {"trace": trace, "reward_extra_info": {"score": score, "accuracy": score}},
        "extra_info": {"id": key[0], "identity": identity, "query_time": "end", "index": 0},
    }


@pytest.fixture
def sample(monkeypatch, tmp_path):
    """Give the sampler batches one after another; what it returns, writes to the store, clears and asks for."""

    def run(*batches: list[tuple[str, dict]]) -> SimpleNamespace:
        store = {key: fields for batch in batches for key, fields in batch}
        done = SimpleNamespace(written={}, cleared=[], refilled=[])
        coming = iter(batches)

        def stock(self, global_steps, partition_id, batch_size):
            return SimpleNamespace(keys=[key for key, _ in next(coming)], partition_id=partition_id), {}

        def get(keys, partition_id, select_fields):
            columns = {name: [store[key][name] for key in keys] for name in select_fields}
            jagged = ("rm_scores", "response_mask")
            return columns | {name: torch.nested.nested_tensor(columns[name]) for name in jagged}

        def put(keys, partition_id, fields):
            done.written |= dict(zip(keys, (row.tolist() for row in fields["rm_scores"].unbind()), strict=True))

        monkeypatch.setattr(replay_buffer.ReplayBuffer, "sample", stock)
        monkeypatch.setattr(replay_buffer.tq, "kv_batch_get", get)
        monkeypatch.setattr(replay_buffer.tq, "kv_batch_put", put)
        monkeypatch.setattr(replay_buffer.tq, "kv_clear", lambda keys, partition_id: done.cleared.extend(keys))
        monkeypatch.setattr(replay_buffer, "PAUSE", 0.0)
        buffer = replay_buffer.GroupReplayBuffer(
            sampler_kwargs={"traces": str(tmp_path), "poll_interval": 0.1}, trainer_mode="sync", trainer_config=None,
            max_off_policy_threshold=None, max_off_policy_strategy="drop", refill_fn=done.refilled.append,
        )  # fmt: skip
        batch, done.metrics = buffer.sample(7, "train", 2)
        done.keys = batch.keys
        done.traces = [json.loads(line) for line in (tmp_path / "000007.jsonl").read_text().splitlines()]
        return done

    return run


def test_mixed_people_and_failed_tools_end_up_with_their_own_rows(sample):
    done = sample([
        trajectory("a_0_0", 1.0), trajectory("b_0_0", 0.0, identity="A2_ALICE"), trajectory("a_1_0", 0.0, faulty=True),
        trajectory("a_2_0", 0.5), trajectory("b_1_0", 1.0, identity="A2_ALICE"),
    ])  # fmt: skip
    assert done.written == {"a_1_0": [0.0, 0.0, 0.75]}, "the mean of the others of its own question"
    assert [(row["key"], row["facts"]["identity"], row["trained"]) for row in done.traces] == [
        ("a_0_0", "A1_JAKE", 2), ("b_0_0", "A2_ALICE", 2), ("a_1_0", "A1_JAKE", 0), ("a_2_0", "A1_JAKE", 2),
        ("b_1_0", "A2_ALICE", 2),
    ]  # fmt: skip
    assert done.metrics["tools/faulty_rollouts"] == 0.2 and done.metrics["groups/zero_variance"] == 0.0


def test_a_batch_without_a_sound_rollout_is_dropped_and_other_questions_are_asked(sample):
    dead = [[trajectory(f"{name}_{n}_0", 0.0, faulty=True) for n in range(2)] for name in "ab"]
    done = sample(*dead, [trajectory("c_0_0", 1.0), trajectory("c_1_0", 0.0)])
    assert done.cleared == ["a_0_0", "a_1_0", "b_0_0", "b_1_0"] and done.refilled == [2, 2]
    assert done.keys == ["c_0_0", "c_1_0"] and {row["key"] for row in done.traces} == set(done.keys)
