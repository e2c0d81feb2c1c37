"""T-GRPO's counterparts: other frames at the same times, the same tokens, for half of the rollouts, never trained."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from firsthand.errors import UserError

pytest.importorskip("verl")
import torch

MODEL = Path(__file__).parents[2] / "models/tiny_qwen3_vl"
COLOURS = [
    (0, 40 * number, 250 - 40 * number) for number in range(5)
]  # an odd number of frames, each of another colour


class Server:
    """Answers with the colours of the frames that it is shown, and keeps what it was asked."""

    def __init__(self, tokenizer):
        self.tokenizer, self.asked = tokenizer, []

    async def generate(self, *, prompt_ids, sampling_params, video_data=None, **_):
        self.asked.append((list(prompt_ids), video_data))
        shown = [round(float(frame[1].float().mean()) / 40) for frame in video_data[0][0]] if video_data else []
        ids = self.tokenizer.encode(" ".join(map(str, shown)))
        return SimpleNamespace(
            token_ids=ids, log_probs=[-0.5] * len(ids), routed_experts=None, num_preempted=0, extra_fields={}
        )


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> Path:
    import av

    out = tmp_path_factory.mktemp("media")
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (64, 64), colour).save(out / f"{number}.png")
    with av.open(str(out / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=2, options={"crf": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv444p"
        for colour in COLOURS:
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), colour, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out


@pytest.fixture(scope="module")
def processor():
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(MODEL)


@pytest.fixture
def run(processor, media):
    """One rollout of a question with a video: its output and what the server was asked."""
    from omegaconf import OmegaConf
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap

    from firsthand.training.dataset import MediaDataset
    from firsthand.training.temporal_loop import TemporalLoop

    def call(video=None, session=0, step=1, **options):
        part = {"frames": [str(media / f"{number}.png") for number in range(5)], "one": [str(media / "0.png")]}
        parts = {
            "file": [{"type": "video", "video": str(media / "clip.mp4"), "row": "q7"}],
            **{name: [{"type": "video", "video": paths, "raw_fps": 2.0}] for name, paths in part.items()},
        }
        content = [*parts.get(video, []), {"type": "text", "text": "what do i do ?"}]

        async def main():
            config = OmegaConf.create({
                "actor_rollout_ref": {"rollout": {"prompt_length": 500, "response_length": 40, "n": 4}},
                "data": {"media": {"root": ".", "image": {}, "video": {"fps": 2.0, "min_pixels": 4096}}},
            })  # fmt: skip
            server = Server(processor.tokenizer)
            loop = TemporalLoop(
                trainer_config=DictConfigWrap(config), server_manager=server, tokenizer=processor.tokenizer,
                processor=processor, dataset_cls=MediaDataset, data_config=DictConfigWrap(config.data),
                hf_model_type="qwen3_vl", **options,
            )  # fmt: skip
            row = {"raw_prompt": [{"role": "user", "content": content}], "extra_info": {"id": "q7"}}
            return await loop.run({"logprobs": True}, session_id=session, global_steps=step, **row), server

        output, server = asyncio.run(main())
        return output, server.asked

    return call


ORDERED = "0 1 2 3 4"


@pytest.mark.parametrize("video", ["frames", "file"])
def test_only_the_frames_change_places(run, processor, video):
    output, asked = run(video, orders=["shuffled", "reversed"])
    assert len(asked) == 3 and len({tuple(ids) for ids, _ in asked}) == 1, "the same tokens"
    assert output.prompt_ids == asked[0][0] and processor.tokenizer.decode(output.response_ids) == ORDERED
    orders = output.extra_fields["orders"]
    assert orders["reversed"] == "4 3 2 1 0"
    assert sorted(orders["shuffled"].split()) == ORDERED.split() and orders["shuffled"] != ORDERED
    facts = [videos[0][1] for _, videos in asked]
    assert facts[0] == facts[1] == facts[2], "the same times"
    stamps = [f"<{time} seconds>" for time in ("0.2", "1.2", "2.0")]
    assert [stamp in processor.tokenizer.decode(output.prompt_ids) for stamp in stamps] == [True] * 3


def test_what_is_trained_is_what_the_stock_loop_would_train(run, processor):
    """The counterpart leaves nothing in the trajectory but its text."""
    with_other, _ = run("frames", session=0)
    without, asked = run("frames", session=3)
    assert len(asked) == 1 and without.extra_fields["orders"] == {}
    for name in ("prompt_ids", "response_ids", "response_mask", "response_logprobs"):
        assert getattr(with_other, name) == getattr(without, name), name
    frames = [output.multi_modal_data["videos"][0][0] for output in (with_other, without)]
    assert torch.equal(*frames)


def test_half_of_the_rollouts_have_a_counterpart(run):
    assert [len(run("frames", session)[1]) for session in range(4)] == [2, 2, 1, 1]
    assert [len(run("frames", session, share=1.0)[1]) for session in (0, 3)] == [2, 2]


@pytest.mark.parametrize("video", [None, "one"])
def test_a_question_without_an_order_has_no_counterpart(run, video):
    output, asked = run(video)
    assert len(asked) == 1 and output.extra_fields["orders"] == {}


def test_each_rollout_is_shuffled_in_its_own_way_that_can_be_repeated(run):
    def said(session, step):
        return run("frames", session, step)[0].extra_fields["orders"]["shuffled"]

    assert said(0, 1) == said(0, 1)
    assert len({said(session, step) for session in (0, 1) for step in range(4)}) > 3


def test_an_unknown_order_is_refused(run):
    with pytest.raises(UserError, match="orders: backwards is not one of shuffled, reversed"):
        run("frames", orders=["backwards"])
