"""An agent's conversation under the chat template of its model: released ones lose tools or earlier thoughts."""

from collections.abc import Iterator

from firsthand.recipe.chat_templates import Template
from firsthand.rollout import dialects
from firsthand.rollout.turn_text import Dialect

TOOLS = [{"type": "function", "function": {"name": "rag", "description": "Search.", "parameters": {"type": "object"}}}]
Fault = tuple[str, str]  # what is wrong, and what to do


def without_tools(template: Template, dialect: Dialect) -> Iterator[Fault]:
    if dialect == "native" and not template.describes_tools(TOOLS):
        message = (
            f"the chat template of `{template.model}` describes no tools, and in the native dialect nothing else does"
        )
        yield message, "take rows and a loop of the dialect ego_r1, or another model, such as Qwen3-VL"


def without_thoughts(template: Template, dialect: Dialect) -> Iterator[Fault]:
    conversation = [
        {"role": "system", "content": "You search."},
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": dialects.call("I look.", "rag", {"query": "cup"}, dialect)},
        dialects.observation("In the kitchen.", dialect),
        {"role": "assistant", "content": "<think>So.</think>\n<answer>A</answer>"},
    ]
    if not template.keeps_turns(conversation):
        message = f"the chat template of `{template.model}` drops or rewrites thoughts of earlier turns"
        fix = (
            "take an Instruct model such as Qwen/Qwen3-4B-Instruct-2507, or a copy whose chat_template.jinja keeps them"
        )
        yield f"{message}: serving would show it another conversation than it learns from", fix
