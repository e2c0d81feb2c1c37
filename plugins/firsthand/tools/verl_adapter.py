"""The tools as veRL's native ones: `multi_turn.tool_config_path` names a file that `firsthand tools verl` writes.

One class serves every tool. Its schema is not copied into veRL's file but comes from the toolbox. It keeps what veRL's
own schema classes would drop (items, bounds, patterns): a model reads the same schema, whatever program calls its
tools.

The row's facts come with `create` (`extra_info.tools_kwargs.<tool>.create_kwargs` of the data: source, query_time), or
from `agent_data.extra_fields["row"]`, where an agent loop may write them. veRL creates and releases one instance per
call and drops a tool's metrics, so what an agent loop needs to mask a fault is left in
`agent_data.extra_fields["tool_outcomes"]`: one entry per call. The reward of a call is always 0.0, never a judgement.
"""

from dataclasses import replace
from io import BytesIO
from typing import Any
from uuid import uuid4

from PIL import Image
from pydantic import ConfigDict
from verl.tools.base_tool import BaseTool
from verl.tools.schemas import (
    OpenAIFunctionParametersSchema,
    OpenAIFunctionPropertySchema,
    OpenAIFunctionSchema,
    OpenAIFunctionToolSchema,
    ToolResponse,
)

from firsthand.errors import UserError
from firsthand.tools.config import toolbox_of
from firsthand.tools.protocol import Budget, Outcome
from firsthand.tools.scope import Scope


class Property(OpenAIFunctionPropertySchema):
    model_config = ConfigDict(extra="allow")
    type: str | list[str] | None = None  # a union is spelled `anyOf`


class Parameters(OpenAIFunctionParametersSchema):
    model_config = ConfigDict(extra="allow")
    properties: dict[str, Property]


class Function(OpenAIFunctionSchema):
    parameters: Parameters


class Schema(OpenAIFunctionToolSchema):
    function: Function


class Tool(BaseTool):
    """`config` is `{type: native, toolbox: recipes/toy/tools.yaml, name: rag, budget: {seconds: 60}}`."""

    def __init__(self, config: dict[str, Any], tool_schema: OpenAIFunctionToolSchema | None = None):
        self.toolbox = toolbox_of(config["toolbox"])
        schemas = {schema["function"]["name"]: schema for schema in self.toolbox.schemas()}
        if config["name"] not in schemas:
            raise UserError(f"{config['toolbox']} has no tool {config['name']!r}; it has {', '.join(schemas)}")
        # Not through BaseTool.__init__, which prints every schema in every worker.
        self.config, self.name = config, config["name"]
        self.tool_schema = Schema.model_validate(schemas[self.name])
        self.budget = Budget(**config.get("budget", {}))
        self._rows: dict[str, dict[str, Any]] = {}

    async def create(self, instance_id: str | None = None, **kwargs: Any) -> tuple[str, ToolResponse]:
        instance_id = instance_id or uuid4().hex
        self._rows[instance_id] = kwargs.get("create_kwargs") or {}
        return instance_id, ToolResponse()

    async def execute(
        self, instance_id: str, parameters: dict[str, Any], **kwargs: Any
    ) -> tuple[ToolResponse, float, dict[str, Any]]:
        extra_fields = getattr(kwargs.get("agent_data"), "extra_fields", {})
        outcome = await self._call(parameters, self._rows[instance_id] or extra_fields.get("row") or {})
        entry = {"tool": self.name, "status": outcome.status, "seconds": outcome.seconds, "spans": outcome.spans}
        extra_fields.setdefault("tool_outcomes", []).append(entry)
        images = [Image.open(BytesIO(image.jpeg)).convert("RGB") for image in outcome.images]
        return ToolResponse(text=outcome.text, **({"image": images} if images else {})), 0.0, entry

    async def _call(self, arguments: dict[str, Any], row: dict[str, Any]) -> Outcome:
        try:
            context = Scope.of_fields(row).context()
        except UserError as error:  # a mistake in the data: the model must not pay for it
            return Outcome("infra_error", str(error))
        return await self.toolbox.call(self.name, arguments, replace(context, budget=self.budget))

    async def release(self, instance_id: str, **kwargs: Any) -> None:
        self._rows.pop(instance_id, None)
