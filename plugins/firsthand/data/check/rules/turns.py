"""Who speaks when: frameworks drop, or stop at, what does not alternate."""

from collections.abc import Iterator

from firsthand.data.check.token_count import called
from firsthand.data.read.sample import Sample
from firsthand.findings import ROW_RULES, InRow

ORDER = ROW_RULES["turns"]
EMPTY = ROW_RULES["empty"]
CALL = ROW_RULES["tool-call"]
MODEL = ("assistant", "call")


def check(sample: Sample) -> Iterator[InRow]:
    turns = sample.turns[1:] if sample.turns[0].role == "system" else sample.turns
    for number, (role, text) in enumerate(sample.turns, 1):
        if not text.strip():
            yield EMPTY, f"turn {number} ({role}) is empty"
        elif role == "call":
            try:
                called(text)
            except ValueError as error:
                yield CALL, f"turn {number}: {error}"
    for number, turn in enumerate(turns):
        if turn.role == "system":
            yield ORDER, "a system prompt after the first turn"
            return
        if (turn.role in MODEL) != bool(number % 2) and (sample.form == "llamafactory" or turn.role != "tool"):
            yield ORDER, f"{turn.role} speaks where {'the model' if number % 2 else 'the user'} should"
            return
    trains = sample.form == "llamafactory" and not sample.ranking
    last = turns[-1].role if turns else "nobody"
    if (last in MODEL) != trains:
        yield ORDER, f"{last} speaks last; {'the model' if trains else 'the user'} should"
