"""What a model's chat template does with a conversation: does it describe tools, keep every turn, begin the reply?

A template of a folder is tried out, with a conversation of two turns, in the sandbox that transformers uses too. Of
models on a hub only the names are known: the released templates behind these names were tried out in the same way.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firsthand.recipe import model_names

Message = dict[str, Any]
Conversation = list[Message]

WITHOUT_TOOLS = ("Qwen2-VL", "Qwen2.5-VL")
# models that think or do not, as they are asked; the Instruct models of July 2025 (-2507) keep every turn
SIZE = r"-\d+(\.\d+)?b(-a\d+b)?(-(awq|fp8|gptq-int[48]))?"
HYBRID = re.compile(rf"qwen3(\.[56])?{SIZE}")
BEGINS = re.compile(rf"qwen3\.[56]{SIZE}")  # their template begins the reply, with <think> or with an empty thought


class Template:
    """The template of a model, or of a recipe that brings its own; where nothing is known, no fault is found."""

    def __init__(self, model: Any, own: Any = None) -> None:
        self.model = model if isinstance(model, str) else ""
        self.text = own if isinstance(own, str) else _of_folder(Path(self.model)) if self.model else None

    def describes_tools(self, tools: list[Message]) -> bool:
        if self.text is None:
            family = model_names.family(self.model)
            return not family or family[0] not in WITHOUT_TOOLS
        asked = [{"role": "user", "content": "Where?"}]
        return self._holds(asked, tools, lambda prompt: all(tool["function"]["name"] in prompt for tool in tools))

    def keeps_turns(self, conversation: Conversation) -> bool:
        """Every turn of the assistant stands in the prompt as it was written."""
        if self.text is None:
            return not HYBRID.fullmatch(self._name())
        turns = [turn["content"] for turn in conversation if turn["role"] == "assistant"]
        return self._holds(conversation, None, lambda prompt: all(turn in prompt for turn in turns))

    def begins_no_reply(self) -> bool:
        """In ChatML the model writes everything after the line of its role."""
        if self.text is None:
            return not BEGINS.fullmatch(self._name())
        asked = [{"role": "user", "content": "Where?"}]
        return self._holds(asked, None, lambda prompt: prompt.endswith("<|im_start|>assistant\n"), asks=True)

    def _name(self) -> str:
        return self.model.rstrip("/").split("/")[-1].lower()

    def _holds(
        self, conversation: Conversation, tools: list[Message] | None, claim: Callable[[str], bool], asks: bool = False
    ) -> bool:
        """Whether the claim is true of the prompt; a template that cannot be rendered here says nothing."""
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        room = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        room.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
        try:
            template = room.from_string(self.text or "")
            prompt = template.render(messages=conversation, tools=tools, add_generation_prompt=asks)
        except Exception:  # whatever somebody's template does
            return True
        return claim(prompt)


def _of_folder(folder: Path) -> str | None:
    """Where transformers looks for it, in the same order."""
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        pass
    for name in ("chat_template.json", "tokenizer_config.json"):
        try:
            config = json.loads((folder / name).read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(config, dict) and isinstance(text := config.get("chat_template"), str):
            return text
    return None
