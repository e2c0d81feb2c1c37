"""Patches `torch_chunk_gated_delta_rule` of `transformers.models.qwen3_5`: it inverts a matrix row by row, in Python.

Qwen3.5's linear layers take it wherever flash-linear-attention is not installed, so always on a CPU. Each chunk of 64
tokens needs the inverse of a unit triangular matrix. Upstream makes it in 63 steps, each of which copies the matrix and
is kept for the backward pass. With the patch it is one triangular solve, of the same numbers.
"""

import inspect

CHUNK = 64


def needed(modeling_qwen3_5) -> bool:
    return "for i in range(1, chunk_size):" in inspect.getsource(modeling_qwen3_5.torch_chunk_gated_delta_rule)


def apply(modeling_qwen3_5) -> None:
    modeling_qwen3_5.torch_chunk_gated_delta_rule = chunk_gated_delta_rule


def chunk_gated_delta_rule(
    query, key, value, g, beta, chunk_size=CHUNK, initial_state=None, output_final_state=False,
    use_qk_l2norm_in_kernel=False,
):  # fmt: skip
    """Its signature and its result: the output as (batch, token, head, width), and the last state of each head."""
    kind, tokens = query.dtype, query.shape[1]
    if use_qk_l2norm_in_kernel:
        query, key = _unit(query), _unit(key)
    query, key, value, g, beta = (_chunks(part, chunk_size) for part in (query, key, value, g, beta))
    made, state = _scan(initial_state, query / query.shape[-1] ** 0.5, *_within(key, value, g, beta))
    made = made.flatten(2, 3)[:, :, :tokens].transpose(1, 2).contiguous().to(kind)
    return made, state if output_final_state else None


def _unit(vectors):
    return vectors * (vectors.square().sum(-1, keepdim=True) + 1e-6).rsqrt()


def _chunks(part, size):
    """(batch, token, head, ...) as (batch, head, chunk, token, ...) in float32, padded with zeros."""
    import torch

    part = part.transpose(1, 2).float()
    padding = -part.shape[2] % size
    part = torch.cat([part, part.new_zeros(*part.shape[:2], padding, *part.shape[3:])], dim=2)
    return part.unflatten(2, (-1, size))


def _within(key, value, g, beta):
    """What each chunk adds on its own: the decay so far, and the values with what the chunk's own keys take away."""
    import torch

    g = g.cumsum(-1)
    decay = (g.unsqueeze(-1) - g.unsqueeze(-2)).tril().exp().tril()
    weighted = key * beta.unsqueeze(-1)
    lower = (weighted @ key.transpose(-1, -2)) * decay  # the solve takes its diagonal for ones
    right = torch.cat([value * beta.unsqueeze(-1), weighted * g.exp().unsqueeze(-1)], dim=-1)
    solved = torch.linalg.solve_triangular(lower.tril(-1), right, upper=False, unitriangular=True)
    value, taken = solved.split([value.shape[-1], key.shape[-1]], dim=-1)
    return key, value, taken, g, decay


def _scan(state, query, key, value, taken, g, decay):
    """Chunk after chunk: each reads the state that the chunks before it left, and writes its own into it."""
    import torch

    if state is None:
        state = key.new_zeros(*key.shape[:2], key.shape[-1], value.shape[-1])
    state, made = state.to(value), []
    for chunk in range(key.shape[2]):
        q, k, v, gone = (part[:, :, chunk] for part in (query, key, value, g))
        new = v - taken[:, :, chunk] @ state
        near = ((q @ k.transpose(-1, -2)) * decay[:, :, chunk]).tril() @ new
        made.append((q * gone.exp().unsqueeze(-1)) @ state + near)
        left, last = (gone[..., -1:] - gone).exp().unsqueeze(-1), gone[..., -1, None, None].exp()
        state = state * last + (k * left).transpose(-1, -2) @ new
    return torch.stack(made, dim=2), state
