"""T-GRPO in veRL's rollout: the question once more, with the frames of its videos in another order.

    actor_rollout_ref.rollout.agent.agent_loop_config_path: recipes/video_r1/tgrpo_loop.yaml

and in that file, under the name that the rows have, so that it takes the place of veRL's own loop:

    - {name: single_turn_agent, _target_: firsthand.training.temporal_loop.TemporalLoop, orders: [shuffled], share: 0.5}

The first `share` of the rollouts of a question also answer on each of `orders`: `shuffled`, or `reversed`, which turns
what was picked up into what was put down. The texts go to the reward function (`extra_info["orders"]`,
reward_fns/groups_temporal.py) and into the traces. They are not trajectories: the actor never sees them, and nothing
must be masked. Only frames change places. Their times stay, and so does every token of the prompt. Each order costs one
generation; a shuffled one is drawn anew for each rollout and can be drawn again from row, step and rollout. It is never
the order of the video. In validation the same rollouts have counterparts: the first, if there is one.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from firsthand.errors import UserError
from firsthand.media.orders import OTHERS, Order, places

Video = tuple[Any, dict[str, Any]]  # frames, and the facts that date them


class TemporalLoop(SingleTurnAgentLoop):
    def __init__(self, *args: Any, orders: Sequence[Order] = ("shuffled",), share: float = 0.5, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if unknown := set(orders) - set(OTHERS):
            raise UserError(f"agent loop, orders: {', '.join(unknown)} is not one of {', '.join(OTHERS)}")
        self.orders, self.share = tuple(orders), share
        self.media: dict[str, Any] | None = None

    async def process_multi_modal_info(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Read once: a loop is made for one rollout."""
        if self.media is None:
            self.media = await super().process_multi_modal_info(messages)
        return self.media

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        messages = list(row["raw_prompt"])
        videos = (await self.process_multi_modal_info(messages)).get("videos") or []
        changed = self._changed(videos, row)
        others = [self._answer(messages, sampling_params, other) for other in changed.values()]
        output, *answers = await asyncio.gather(super().run(dict(sampling_params), **row), *others)
        for order, (prompt_ids, _) in zip(changed, answers, strict=True):
            if prompt_ids != output.prompt_ids:
                raise RuntimeError(f"the prompt with {order} frames has other tokens than the prompt of the rollout")
        output.extra_fields["orders"] = {order: text for order, (_, text) in zip(changed, answers, strict=True)}
        return output

    def _changed(self, videos: list[Video], row: dict[str, Any]) -> dict[str, list[Video]]:
        """The videos in each of the orders; nothing where there is no order to change, or not in this rollout."""
        chosen = int(row["session_id"]) < int(self.share * self.rollout_config.n)
        if not chosen or not any(len(frames) > 1 for frames, _ in videos):
            return {}
        question = (row.get("extra_info") or {}).get("id", row.get("index"))
        seed = f"{question} {row['global_steps']} {row['session_id']}"
        return {order: [_shown(video, order, seed) for video in videos] for order in self.orders}

    async def _answer(
        self, messages: Any, sampling_params: dict[str, Any], videos: list[Video]
    ) -> tuple[list[int], str]:
        media, inputs = {**(self.media or {}), "videos": videos}, dict[str, Any]()
        prompt_ids = await self.ct_build_initial_tokens(messages, **media, mm_inputs_out=inputs)
        output = await self.server_manager.generate(
            request_id=uuid4().hex,
            prompt_ids=prompt_ids,
            sampling_params=dict(sampling_params),
            image_data=media.get("images"),
            video_data=videos,
            audio_data=media.get("audios"),
            mm_processor_output=self.build_sglang_video_payload(videos, inputs),
            mm_processor_kwargs=self._get_mm_processor_kwargs(media.get("audios")),
        )
        ids = output.token_ids[: self.response_length]
        return prompt_ids, self.tokenizer.decode(ids, skip_special_tokens=True)


def _shown(video: Video, order: Order, seed: str) -> Video:
    frames, facts = video
    return frames[places(len(frames), order, seed)], facts
