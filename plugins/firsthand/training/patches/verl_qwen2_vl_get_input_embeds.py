"""Patches `_get_input_embeds` of `verl.models.transformers.qwen2_vl`: it fails on a micro-batch without pictures.

Such a micro-batch gets a picture of zeros, whose features count for nothing, so that every rank has the same gradients
to exchange. Upstream takes what the vision tower of transformers 5 returns for a tensor there, and nowhere else. One
question without pictures is enough.
"""

import inspect

PICTURE = (1, 4, 4)  # frames, rows and columns of patches


def needed(qwen2_vl) -> bool:
    return "image_embeds = model.visual(" in inspect.getsource(qwen2_vl._get_input_embeds)


def apply(qwen2_vl) -> None:
    import torch

    upstream = qwen2_vl._get_input_embeds

    def _get_input_embeds(model, input_ids, attention_mask=None, pixel_values=None, pixel_values_videos=None, *grids):
        if pixel_values is not None or pixel_values_videos is not None:
            return upstream(model, input_ids, attention_mask, pixel_values, pixel_values_videos, *grids)
        words, vision = model.get_input_embeddings()(input_ids), model.config.vision_config
        numbers = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
        patches = words.new_zeros(PICTURE[1] * PICTURE[2], numbers)
        grid = torch.tensor([PICTURE], device=words.device)
        features, _ = qwen2_vl.unpack_visual_output(model.visual(patches, grid_thw=grid))
        return words + 0.0 * features.mean(), attention_mask

    qwen2_vl._get_input_embeds = _get_input_embeds
