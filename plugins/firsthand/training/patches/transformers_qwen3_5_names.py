"""Patches the names that `transformers.conversion_mapping` gives to the weights of Qwen3.5 when a model is saved.

Saving turns `model.` into `model.language_model.` in every name that is not there yet, the vision tower's among them.
A folder with `model.language_model.visual.*` loads nowhere: released checkpoints, transformers and vLLM have
`model.visual.*`. With the patch those names stay as they are.
"""

MODEL_TYPE = "qwen3_5_text"
TOWER = "model.visual."


def needed(conversion_mapping) -> bool:
    """Whether saving would rename the tower."""
    saving = [
        entry.reverse_transform() for entry in conversion_mapping.get_checkpoint_conversion_mapping(MODEL_TYPE) or ()
    ]
    return any(entry.rename_source_key(TOWER)[0] != TOWER for entry in saving)


def apply(conversion_mapping) -> None:
    entries = conversion_mapping.get_checkpoint_conversion_mapping(MODEL_TYPE)
    loaded = conversion_mapping.WeightRenaming(r"^model.language_model.", r"^model.(?!language_model.|visual.)")
    kept = [entry for entry in entries if entry.reverse_transform().rename_source_key(TOWER)[0] == TOWER]
    conversion_mapping.register_checkpoint_conversion_mapping(MODEL_TYPE, [*kept, loaded], overwrite=True)
