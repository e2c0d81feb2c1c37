"""The body that is sent, read by the parts of the installed vLLM server that read it: pixels, rate and time stamps."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from firsthand.llm.media import request_body
from firsthand.llm.messages import Prompted

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def vllm() -> Any:
    pytest.importorskip("vllm")
    from vllm.model_executor.models.qwen3_vl import Qwen3VLProcessingInfo
    from vllm.multimodal.media.connector import MediaConnector, merge_media_io_kwargs

    return MediaConnector, merge_media_io_kwargs, Qwen3VLProcessingInfo


@pytest.mark.parametrize("server_default", [None, {"video": {"num_frames": 32, "fps": 4}}])
def test_the_server_reads_all_frames_at_their_true_rate(vllm, media, server_default) -> None:
    connector, merge, info = vllm
    names = ["a.jpg", "b.jpg", "c.png"] * 15  # 45 frames: more than the server reads by itself, and an odd number
    part = {"type": "video", "video": names, "fps": 0.5}
    question = Prompted.model_validate({"id": "q", "messages": [{"role": "user", "content": [part]}]})
    body = request_body(question, media)
    merged = merge(server_default, body["media_io_kwargs"])
    url = body["messages"][0]["content"][0]["video_url"]["url"]
    frames, metadata = connector(media_io_kwargs=merged).fetch_video(url).media

    assert np.array_equal(frames, np.stack([np.asarray(Image.open(media / name).convert("RGB")) for name in names]))
    assert metadata["do_sample_frames"] is False
    stamps = info._calculate_timestamps(None, metadata["frames_indices"], metadata["fps"], 2)
    assert stamps[:3] == [1.0, 5.0, 9.0]  # frames at 0 and 2 s, 4 and 6 s, 8 and 10 s
    assert (len(stamps), stamps[-1]) == (23, 88.0)  # the last frame stands for its missing twin


def test_an_image_arrives_pixel_for_pixel(vllm, media) -> None:
    connector, _, _ = vllm
    part = {"type": "image", "image": "a.jpg"}
    question = Prompted.model_validate({"id": "q", "messages": [{"role": "user", "content": [part]}]})
    url = request_body(question, media)["messages"][0]["content"][0]["image_url"]["url"]
    image = connector().fetch_image(url)
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(media / "a.jpg").convert("RGB")))
