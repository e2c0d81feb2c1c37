"""What one micro-batch holds beside the weights, counted as PyTorch holds it.

Every number below is bytes a token. They follow from what the layers of transformers keep for the backward pass, and
tests/doctor/fit compares their sum with the profiler's count of real steps. `wide` is the size of a number: 2 or 4.
"""

from dataclasses import dataclass, replace

from firsthand.doctor.fit.shapes import MERGE, Delta, Shape

CHUNK = 512  # tokens whose logits a fused loss has at once
TRIANGLE = 64  # tokens of a chunk of the gated delta rule
Parts = dict[str, float]  # part -> bytes


@dataclass(frozen=True)
class Batch:
    rows: int  # of a micro-batch
    tokens: int  # of its longest row, to which the others are padded
    labels: int  # of them, tokens that have a label
    seen: int = 0  # of them, tokens of pictures

    @property
    def all(self) -> int:
        return self.rows * self.tokens


@dataclass(frozen=True)
class Way:
    wide: int = 2
    checkpointed: bool = True
    fused: bool = False  # the loss never has all logits at once
    logits: int = 0  # bytes of a logit at the peak of the loss; 0: as in transformers
    padded: bool = True  # somebody's row ends earlier, so attention gets a mask of tokens x tokens
    adapters: bool = False
    whole: bool = True  # all weights are trained, so each has a new gradient beside the collected one
    tower: bool = False  # the vision tower is trained
    kernels: bool = True  # for layers with a gated delta rule; without, PyTorch's own code runs


def held(shape: Shape, batch: Batch, way: Way) -> Parts:
    """The parts at the moment when they are most: in the loss, or in the backward pass of the last layer."""
    return max(in_the_loss(shape, batch, way), in_a_layer(shape, batch, way), key=lambda parts: sum(parts.values()))


def in_the_loss(shape: Shape, batch: Batch, way: Way) -> Parts:
    told = min(batch.all, batch.rows * (batch.labels + 1))
    each = way.logits or (14 if way.wide == 2 else 12)
    if way.fused:
        told, each = min(told, CHUNK), 12
    parts = _common(shape, batch, way) | {"logits": float(each * told * shape.vocabulary)}
    after = {"logits": float(way.wide * told * shape.vocabulary), "a new gradient": float(way.wide * shape.embedding)}
    if way.whole and sum(after.values()) > parts["logits"]:
        parts |= after
    return parts


def in_a_layer(shape: Shape, batch: Batch, way: Way) -> Parts:
    going_back = 2 * way.wide * (shape.inner + shape.width)
    largest = max(saved(shape, way), saved_by_delta(shape, way) + _delta_going_back(shape, way))
    again = largest - way.wide * shape.width if way.checkpointed else 0
    parts = _common(shape, batch, way) | {"one layer": batch.all * (again + going_back)}
    if way.padded:
        mask = (1 + way.wide) * batch.rows * batch.tokens**2
        repeated = 2 * way.wide * batch.all * (shape.heads - shape.kv_heads) * shape.head
        parts["attention mask"] = mask + repeated
    if way.whole:
        parts["a new gradient"] = way.wide * shape.width * shape.inner
    return parts


def saved(shape: Shape, way: Way) -> float:
    """What a layer with attention keeps for its backward pass; products keep what they multiply."""
    wide, queries, keys = way.wide, shape.heads * shape.head, shape.kv_heads * shape.head
    norm_of_heads = (8 if wide == 4 else 6) * (queries + keys) if shape.has_norms_of_heads else 0
    return norm_of_heads + 2 * wide * (queries + keys) + _saved_by_all(shape, way, shape.matrices)


def saved_by_delta(shape: Shape, way: Way) -> float:
    """The same of a layer with a gated delta rule: the input of the convolution, queries and keys repeated for every
    head of values, the gate, what the rule makes, and a triangle a chunk."""
    if not (delta := shape.delta):
        return 0.0
    triangle = TRIANGLE * delta.value_heads
    kept: float = way.wide * (delta.mixed + 6 * delta.values + triangle) + 8 * delta.value_heads
    if not way.kernels:  # each step of the rule leaves its arrays, in float32
        kept += way.wide * 2 * delta.mixed + 4 * (9 * delta.values + 5 * triangle + _states(delta))
    return kept + _saved_by_all(shape, way, shape.delta_matrices)


def _saved_by_all(shape: Shape, way: Way, matrices: list[tuple[int, int]]) -> float:
    """Norms, which compute in float32, and the feed-forward layer; and what an adapter in float32 copies to read it."""
    copies = way.wide * sum(one for one, _ in matrices) if way.adapters and way.wide == 2 else 0
    return 2 * 8 * shape.width + 2 * way.wide * shape.width + 4 * way.wide * shape.inner + copies


def _delta_going_back(shape: Shape, way: Way) -> float:
    """What the kernels make again: the state at the end of each chunk, and three arrays like the values."""
    if not (delta := shape.delta) or not way.kernels:
        return 0.0
    return way.wide * (_states(delta) + 3 * delta.values)


def _states(delta: Delta) -> float:
    return delta.values * delta.head / TRIANGLE


def _common(shape: Shape, batch: Batch, way: Way) -> Parts:
    checkpoints = way.wide * shape.width * shape.layers
    whole = saved(shape, way) * shape.attending + saved_by_delta(shape, way) * (shape.layers - shape.attending)
    layers = checkpoints if way.checkpointed else whole
    parts = {"activations": float(batch.all * (layers + way.wide * shape.width))}
    if shape.vision and batch.seen:
        parts["pictures"] = _pictures(shape, batch, way)
    return parts


def _pictures(shape: Shape, batch: Batch, way: Way) -> float:
    """Pixels in float32, what the tower makes of them, and its checkpoints where it is trained."""
    assert shape.vision
    patch = 4 * shape.vision.pixels + (way.wide * shape.vision.width * shape.vision.depth if way.tower else 0)
    token = (1 + shape.vision.deep) * way.wide * shape.width
    return batch.rows * batch.seen * (patch * MERGE**2 + token)


def longest_row(shape: Shape, batch: Batch, way: Way, room: float) -> int:
    """Tokens of a row of which one at a time fits into `room`; a mask grows with their square, so they are searched."""
    low, high = 0, 1 << 20
    while high - low > 64:
        middle = (low + high) // 2
        seen = batch.seen * middle // max(1, batch.tokens)
        one = replace(batch, rows=1, tokens=middle, labels=min(middle, batch.labels), seen=seen)
        low, high = (middle, high) if sum(held(shape, one, way).values()) <= room else (low, middle)
    return low
