"""Patches `vLLMHttpServer.generate` of `verl.workers.rollout.vllm_rollout.vllm_async_server`: it breaks prompts with
videos, on every machine.

A prompt comes in as the processor wrote it. Qwen3-VL writes one `<t seconds><|vision_start|>...<|vision_end|>` for
every two frames of a video. veRL shrinks each run of video tokens to one token, so that vLLM can expand it again. But
vLLM takes the first of these blocks for the whole video, writes all of it there, and leaves the other blocks and the
first time stamp behind as stray text. Rollouts and training then see different prompts, without any error. With the
patch, all blocks of a video become the one placeholder that vLLM expands to exactly the tokens that came in.
"""

import functools
from contextvars import ContextVar

_videos: ContextVar[list | None] = ContextVar("videos of the request", default=None)


def needed(server) -> bool:
    """Are the blocks of a video still shrunk one by one?"""
    start, video, end, stamp = range(4)
    shrunk = server.qwen2_5_vl_dedup_image_tokens([start, video, video, end, stamp, start, video, video, end], _Probe())
    return list(shrunk).count(video) > 1


class Qwen2VLImageProcessor:
    """Upstream looks at the name of this class."""


class _Probe:
    image_processor, image_token_id, video_token_id = Qwen2VLImageProcessor(), -1, 1


def apply(server) -> None:
    generate, shrink = server.vLLMHttpServer.generate, server.qwen2_5_vl_dedup_image_tokens

    @functools.wraps(generate)
    async def generate_with_videos(self, *args, video_data=None, **kwargs):
        _videos.set(video_data)  # each request is a task of its own, and so is its context
        return await generate(self, *args, video_data=video_data, **kwargs)

    @functools.wraps(shrink)
    def shrink_whole_videos(prompt_ids, processor):
        return whole_videos(shrink(prompt_ids, processor), _videos.get() or [], processor)

    server.vLLMHttpServer.generate = generate_with_videos
    server.qwen2_5_vl_dedup_image_tokens = shrink_whole_videos


def whole_videos(prompt_ids: list[int], videos: list, processor) -> list[int]:
    """The prompt with one placeholder per video; the videos are (frames, metadata), in the order of the prompt."""
    if not hasattr(processor, "_calculate_timestamps"):  # another family, without time stamps: one block per video
        return prompt_ids
    ids, at = list(prompt_ids), 0
    for _, metadata in videos:
        blocks = _blocks(metadata, processor)
        at = next((i for i in range(at, len(ids)) if ids[i : i + len(blocks)] == blocks), -1)
        if at < 0:
            raise ValueError("a video of this request is not in its prompt; were the messages tokenized another way?")
        ids[at : at + len(blocks)] = _frame(processor)
        at += 3
    return ids


def _blocks(metadata: dict, processor) -> list[int]:
    """What the processor wrote for a video, with each run of video tokens as one token."""
    pair = processor.video_processor.temporal_patch_size
    times = processor._calculate_timestamps(list(metadata["frames_indices"]), metadata["fps"], pair)
    stamps = [processor.tokenizer.encode(f"<{time:.1f} seconds>", add_special_tokens=False) for time in times]
    return [token for stamp in stamps for token in [*stamp, *_frame(processor)]]


def _frame(processor) -> list[int]:
    return [processor.vision_start_token_id, processor.video_token_id, processor.vision_end_token_id]
