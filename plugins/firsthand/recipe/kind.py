"""Which kind of file a recipe is, by its keys."""

from typing import Any

LLAMAFACTORY = {
    "model_name_or_path",
    "adapter_name_or_path",
    "export_dir",
    "finetuning_type",
    "stage",
    "template",
    "dataset",
    "dataset_dir",
    "do_train",
    "output_dir",
}
VERL = {
    "actor_rollout_ref",
    "algorithm",
    "critic",
    "trainer",
    "data",
    "reward",
    "custom_reward_function",
    "reward_model",
    "defaults",
    "hydra",
}

TRAINING = {"do_train", "do_eval", "do_predict", "dataset", "output_dir", "stage", "learning_rate"}


def detect(data: Any) -> str:
    if isinstance(data, list):
        return "verl agent loops" if data and all(isinstance(e, dict) and "_target_" in e for e in data) else "unknown"
    if not isinstance(data, dict):
        return "unknown"
    if "egoagent" in data:
        return "egoagent"
    if "stem_norm" in data:
        return "egoagent model"
    keys = {key.lstrip("+~").split(".")[0] for key in data}
    if {"pool", "method"} <= keys:
        return "selection"
    if {"train", "select"} <= keys:
        return "curriculum"
    if keys & VERL and not keys & LLAMAFACTORY:
        return "verl"
    if "export_dir" in keys:
        return "llamafactory export"
    if keys & LLAMAFACTORY:
        return "llamafactory train" if keys & TRAINING else "llamafactory chat"
    tools = data.get("tools")
    if isinstance(tools, dict):
        return "tools"
    if isinstance(tools, str) and "teacher" in keys:
        return "chains of tool calls"
    is_tools = isinstance(tools, list) and any(isinstance(tool, dict) and "class_name" in tool for tool in tools)
    return "verl tools" if is_tools else "unknown"
