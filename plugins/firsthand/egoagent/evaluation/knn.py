"""Weighted kNN as DINO counts it: the nearest images of a bank vote, each with exp(cosine / temperature).

k is at most the size of the bank, and queries go in chunks: neither a small folder nor ImageNet is a special case.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

TEMPERATURE = 0.07
KS = (10, 20, 100, 200)
CELLS = 2**27  # similarities in memory at a time


def ranked_classes(
    bank: Tensor, labels: Tensor, queries: Tensor, classes: int, k: int, temperature: float = TEMPERATURE
) -> Tensor:
    """Class numbers by votes, int64 [queries, classes], at most five; equal votes are in no particular order."""
    bank, queries = normalize(bank.float(), dim=-1), normalize(queries.float(), dim=-1)
    found = []
    for chunk in queries.split(max(1, CELLS // len(bank))):
        nearest = (chunk @ bank.T).topk(min(k, len(bank)))
        votes = torch.zeros(len(chunk), classes, device=chunk.device)
        votes.scatter_add_(1, labels[nearest.indices], (nearest.values / temperature).exp())
        found.append(votes.topk(min(5, classes)).indices)
    return torch.cat(found)


def right(ranked: Tensor, labels: Tensor) -> tuple[list[float], list[float]]:
    """Of each query, whether its class is the first, and whether it is among the first five."""
    hits = ranked == labels[:, None]
    return hits[:, 0].float().tolist(), hits.any(1).float().tolist()


def ks_for(bank: int, ks: Sequence[int] = KS) -> list[int]:
    """Those ks that mean something for a bank of this size; at least one."""
    return [k for k in ks if k <= bank] or [min(min(ks), bank)]
