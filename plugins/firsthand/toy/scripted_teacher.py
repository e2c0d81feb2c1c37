"""The scripted teacher of the toy agent: it searches as far back as it must, or it guesses; nothing marks which.

It knows the question and what the tools returned, never the answer. In `GUESSES` of its traces it gives some letter at
once, like a teacher who feels sure. If only right answers are kept, the lucky guesses among them stay too: supervised
fine-tuning learns both ways, and only reinforcement finds out which of them pays.

In a configuration of `firsthand cott generate`:
`teacher: {kind: scripted, factory: firsthand.toy.scripted_teacher:Expert}`
"""

import random
from collections.abc import Sequence

from firsthand import clock
from firsthand.rollout import prompt
from firsthand.rollout.agent import Reply
from firsthand.rollout.dialects import Message, call
from firsthand.rollout.episodes import Task
from firsthand.tools.protocol import Image
from firsthand.toy.week import captions

GUESSES = 0.9  # share of the traces that guess; a quarter of them are right by luck


class Expert:
    def __init__(self, task: Task):
        self.question = task.question
        self.rng = random.Random(f"{task.id} expert")
        self.verb, self.thing = _asked(task.question.question)
        assert task.question.query_time
        self.days = [clock.day(clock.parse(task.question.query_time))]
        self.guesses = self.rng.random() < GUESSES
        self.read: str | None = None  # what the last search returned

    async def generate(self) -> Reply:
        text = self._answer(self.rng.choice(list(self.question.options)), "i think") if self.guesses else self._look()
        return Reply(text, len(text.split()))

    async def append(self, message: Message, images: Sequence[Image]) -> bool:
        self.read = message["content"]
        return True

    def _look(self) -> str:
        keywords = [*self.verb.split(), self.thing]
        if self.read is None:
            thought = f"search the week for {self.thing} ."
            return call(thought, "rag", {"level": "week", "keywords": keywords}, "ego_r1")
        for said in reversed(captions.sentences(self.read.split(": ", 1)[-1].removesuffix("</information>"))):
            if said.startswith(f"i {self.verb} the {self.thing} "):
                value = said.split(" to " if self.verb == "hand over" else " in the ")[1].split()[0]
                for letter, option in self.question.options.items():
                    if option == value:
                        return self._answer(letter, f"the {self.thing}")
        if self.days[-1] == 0:
            return self._answer(self.rng.choice(list(self.question.options)), f"nothing of the {self.thing} .")
        arguments = {"level": "day", "keywords": keywords, "start_time": clock.stamp(clock.midnight(self.days[-1]))}
        self.days.append(self.days[-1] - 1)
        return call(f"nothing of the {self.thing} .", "rag", arguments, "ego_r1")

    def _answer(self, letter: str, said: str) -> str:
        thought = f"{said} {self.question.options[letter]} {letter}".strip()
        return prompt.response(thought, letter, self.question.style)


def _asked(question: str) -> tuple[str, str]:
    """The verb and the thing of a question, read by the known forms of questions."""
    for verb, form in captions.LAST.items():
        before, after = form.split("{}")
        if question.startswith(before) and question.endswith(after):
            return verb, question.removeprefix(before).removesuffix(after)
    raise ValueError(f"{question!r} asks for something that the expert does not know")
