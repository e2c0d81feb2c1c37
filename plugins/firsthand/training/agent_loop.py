"""The agent loop in veRL's rollout: the turns of `rollout/agent.py` on token ids, one coroutine per rollout.

In a recipe:

    actor_rollout_ref.rollout.agent: {agent_loop_config_path: recipes/toy/loop.yaml, default_agent_loop: firsthand}

and in that file one entry for each dialect or set of tools (`rollout/loop_file.Loop` is its schema):

    - {name: firsthand, _target_: firsthand.training.agent_loop.ToolLoop, toolbox: recipes/toy/tools.yaml,
       dialect: ego_r1, turns: 6, turn_tokens: 256, budget: {tokens: 512, seconds: 60}}

`turns`, `invalid` and `seconds` limit an episode (`rollout/agent.Limits`), `turn_tokens` limits one model turn, and
`budget` limits what one call brings back (`tools/protocol.Budget`). All turns and observations together must fit into
`data.max_response_length`.

Token in, token out: the model is trained on the tokens that it sampled, never on text that was encoded again. A turn is
read as a server cuts it, up to its stop string, although its last token may go on (`>.` after `</tool`). Every token
that the model did not sample (observations, role headers, the end of a turn that a stop string cut) has mask 0. The
row's `extra_info` says whose week it is and when the question was asked. A rollout whose tools failed has mask 0
everywhere, and `training/replay_buffer.py` takes it out of its group: it teaches nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any
from uuid import uuid4

from PIL import Image as PilImage
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopMetrics, AgentLoopOutput

from firsthand.errors import UserError
from firsthand.question import letters_of
from firsthand.rollout.agent import Message, Reply, run_episode
from firsthand.rollout.dialects import chat_tools, stop_strings, until_stop
from firsthand.rollout.loop_file import Loop
from firsthand.rollout.trace import Trace
from firsthand.tools.config import toolbox_of
from firsthand.tools.protocol import Context, Image
from firsthand.tools.scope import END, Scope

SHORTEST_TURN = 16  # tokens; an observation that leaves less than this for the model's next turn is not appended


class ToolLoop(AgentLoopBase):
    def __init__(self, *args: Any, toolbox: str, **options: Any):
        settings = {name: options.pop(name) for name in Loop.model_fields if name in options}
        super().__init__(*args, **options)
        self.settings = Loop.of(toolbox=toolbox, **settings)
        self.dialect, self.turn_tokens = self.settings.dialect, self.settings.turn_tokens
        self.toolbox = toolbox_of(toolbox)

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        facts = row["extra_info"]
        context = replace(context_of(facts), budget=self.settings.budget)
        policy = TokenPolicy(self, list(row["raw_prompt"]), sampling_params)
        await policy.start()
        limits = self.settings.limits()
        trace = await run_episode(policy, self.toolbox, context, self.dialect, letters_of(facts), limits)
        return policy.output(trace)


def context_of(facts: Mapping[str, Any]) -> Context:
    """A row must say when its question was asked: a search without that would see what came later."""
    try:
        scope = Scope.of_fields(facts)
        if scope.source is None:
            raise UserError("has no identity (A1_JAKE) and no vid_id; say whose week it is, or which video")
        if scope.query_time is None:
            raise UserError(f"has no query_time; write DAYx_HHMMSSFF, or {END!r} where the whole video may be seen")
        return scope.context()
    except UserError as error:
        raise UserError(f"row {facts.get('id') or facts.get('index')}, extra_info: {error}") from None


class TokenPolicy:
    """The conversation as veRL trains on it: the prompt, then sampled tokens (mask 1) and all others (mask 0)."""

    def __init__(self, loop: ToolLoop, messages: list[Message], sampling_params: dict[str, Any]):
        self.loop, self.messages, self.longest = loop, messages, loop.rollout_config.response_length
        self.tools = chat_tools(loop.dialect, loop.toolbox.schemas())
        self.sampling = {**sampling_params, "stop": stop_strings(loop.dialect), "include_stop_str_in_output": True}
        self.end = loop.tokenizer.convert_tokens_to_ids("<|im_end|>")
        self.request = uuid4().hex
        self.ids: list[int] = []
        self.mask: list[int] = []
        self.logprobs: list[float] | None = [] if sampling_params.get("logprobs") else None
        self.media: dict[str, Any] = {}
        self.images: list[PilImage.Image] = []
        self.versions: dict[str, Any] = {}  # first and last version of the weights

    async def start(self) -> None:
        self.media = await self.loop.process_multi_modal_info(self.messages)
        self.images = list(self.media.get("images") or [])
        self.ids = await self.loop.ct_build_initial_tokens(
            self.messages, tools=self.tools, images=self.images or None, videos=self.media.get("videos")
        )
        self.prompt_length = len(self.ids)

    async def generate(self) -> Reply:
        most = min(self.loop.turn_tokens, self.longest - len(self.mask))
        output = await self.loop.server_manager.generate(
            request_id=self.request,
            prompt_ids=self.ids,
            sampling_params={**self.sampling, "max_tokens": most},
            image_data=self.images or None,
            video_data=self.media.get("videos"),
            mm_processor_kwargs=self.loop._get_mm_processor_kwargs(),  # the sizes that training expands media with
        )
        self.versions = {**output.extra_fields, **{k: v for k, v in self.versions.items() if k != "max_global_steps"}}
        merged, self.mask, self.logprobs = await self.loop.ct_merge_assistant_token(
            self.ids, output.token_ids, self.mask, self.logprobs, assistant_logprobs=output.log_probs or None
        )
        self.ids = merged.token_ids
        text = self.loop.tokenizer.decode(output.token_ids, skip_special_tokens=False)
        self.messages.append({"role": "assistant", "content": text.removesuffix("<|im_end|>")})
        used, read = len(output.token_ids), until_stop(text, self.loop.dialect)
        unended = not read.endswith(tuple(self.sampling["stop"])) and output.token_ids[-1:] != [self.end]
        return Reply(read, used, cut=used >= most and unended)

    async def append(self, message: Message, images: Sequence[Image]) -> bool:
        opened = [PilImage.open(BytesIO(image.jpeg)).convert("RGB") for image in images]
        if opened:
            parts = [{"type": "image", "image": image} for image in opened]
            message = {**message, "content": [*parts, {"type": "text", "text": message["content"]}]}
        ids, mask, logprobs = self._ended()
        merged, mask, logprobs = await self.loop.ct_merge_context_msg(
            self.messages, [*self.messages, message], ids, mask, logprobs, tools=self.tools
        )
        if len(mask) + SHORTEST_TURN > self.longest:
            return False
        self.ids, self.mask, self.logprobs = merged.token_ids, mask, logprobs
        self.messages.append(message)
        self.images += opened
        return True

    def _ended(self) -> tuple[list[int], list[int], list[float] | None]:
        """The conversation with its last turn closed: a stop string ends a turn before the model could."""
        if self.ids[-1] == self.end:
            return self.ids, self.mask, self.logprobs
        return [*self.ids, self.end], [*self.mask, 0], None if self.logprobs is None else [*self.logprobs, 0.0]

    def output(self, trace: Trace) -> AgentLoopOutput:
        media = {"images": self.images or None, "videos": self.media.get("videos")}
        return AgentLoopOutput(
            prompt_ids=self.ids[: self.prompt_length],
            response_ids=self.ids[self.prompt_length :],
            response_mask=[0] * len(self.mask) if trace.faults else self.mask,
            response_logprobs=self.logprobs,
            multi_modal_data={name: value for name, value in media.items() if value},
            num_turns=2 * len(trace.turns),
            metrics=AgentLoopMetrics(
                generate_sequences=sum(turn.seconds for turn in trace.turns),
                tool_calls=sum(turn.tool_seconds for turn in trace.turns),
            ),
            extra_fields={**self.versions, "trace": trace.model_dump()},
        )
