"""Patches `verl.utils.torch_functional.logprobs_from_logits_v2`: the fallback without flash-attention loops over
tokens.

To save memory it takes the logsumexp row by row. Its caller packs a batch of sequences into one row of tokens, so the
loop runs once per token and adds a node to the backward graph each time: a third of a tiny training step. With the
patch, there is one logsumexp over everything.
"""

import inspect

import torch


def needed(torch_functional) -> bool:
    return "for logit in logits]" in inspect.getsource(torch_functional.logprobs_from_logits_v2)


def apply(torch_functional) -> None:
    def logprobs_from_logits_v2(logits, labels):
        chosen = torch.gather(logits, dim=-1, index=labels.unsqueeze(-1)).squeeze(-1)
        return chosen - torch.logsumexp(logits, dim=-1)

    torch_functional.logprobs_from_logits_v2 = logprobs_from_logits_v2
