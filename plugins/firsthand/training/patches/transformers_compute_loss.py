"""Patches `transformers.trainer.Trainer.compute_loss`: the logits of tokens without a label are held too.

The loss of a causal model takes 14 bytes for each token and each word of the vocabulary in bfloat16: 2.1 MB a token of
Qwen3-VL, and most tokens of a row are pixels and questions, which have no label. With the patch, a training step asks
the model for logits only where the next token has a label. Loss and gradients are the same: a recipe needs no switch.

It stands aside where somebody else computes the loss (label smoothing, another loss of LLaMA-Factory, sequence
parallelism), where Liger has replaced the model's forward pass, and in evaluation, whose logits may be wanted.
"""

import functools
import inspect

import torch

MODELS = {"qwen2", "qwen3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "qwen3_5_text"}  # those that are tested
NO_LABEL = -100


def needed(trainer) -> bool:
    return "logits_to_keep" not in inspect.getsource(trainer.Trainer.compute_loss)


def apply(trainer) -> None:
    compute_loss = trainer.Trainer.compute_loss

    @functools.wraps(compute_loss)
    def with_fewer_logits(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        if not return_outputs and _is_stock(self) and "logits_to_keep" not in inputs:
            inputs = labelled_only(inputs)
        return compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

    trainer.Trainer.compute_loss = with_fewer_logits


def _is_stock(trainer) -> bool:
    """Whether the model itself will compute its ordinary loss, in one process a device."""
    model = trainer.model.get_base_model() if hasattr(trainer.model, "get_base_model") else trainer.model
    return (
        model.training
        and getattr(getattr(model, "config", None), "model_type", None) in MODELS
        and _forward(model).__module__.startswith("transformers.")
        and trainer.label_smoother is None
        and trainer.compute_loss_func is None
        and trainer.args.n_gpu < 2
        and getattr(trainer.accelerator, "parallelism_config", None) is None
    )


def _forward(model):
    """The model's own forward pass, below what accelerate wraps around it for mixed precision."""
    return inspect.unwrap(getattr(model, "_original_forward", model.forward))


def labelled_only(inputs: dict) -> dict:
    """The inputs with the positions that have to say a labelled token, and the labels of those positions alone.

    The model moves labels by one against logits. So one more position is kept, the last, whose logits meet no label.
    Positions are those of any row of the micro-batch: with one row, which is cheapest, no logit is computed in vain.
    """
    labels = inputs.get("labels")
    if labels is None or labels.dim() != 2 or "shift_labels" in inputs:
        return inputs
    told = (labels[:, 1:] != NO_LABEL).any(dim=0).nonzero().squeeze(1)
    last = told.new_tensor([labels.shape[1] - 1])
    unlabelled = labels.new_full((labels.shape[0], 1), NO_LABEL)
    kept = torch.cat((unlabelled, labels[:, told + 1]), dim=1)
    return {**inputs, "labels": kept, "logits_to_keep": torch.cat((told, last))}
