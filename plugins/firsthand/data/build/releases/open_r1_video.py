"""Open-R1-Video: 4k questions about videos of LLaVA-Video, whose own `problem` and `solution` are damaged.

`problem` was cut at the first "Please", which also cuts questions that hold the word, and `solution` is the first two
characters of the answer, which is half a word where the answer is a text. `original_question` and `original_answer`
are whole: they are what is read here. Paths are absolute in the release; what follows the folder of the videos stays.

A question ends with a line that says how to answer. It is taken off, since the prompt has a line of its own; a last
line that is neither known to be one nor part of the options makes a row that is listed.
"""

import re
from typing import Any

from firsthand.data.build.options import begins_an_option, split_text
from firsthand.data.build.release import Place
from firsthand.data.build.releases.video_r1 import AboutVideo, untagged
from firsthand.question import Question

FOLDER = "LLaVA-Video-large-swift/"  # of the videos, in the owner's hub and in the paths
_INSTRUCTION = re.compile(  # how to answer: a verb that asks for it, and what the answer should be like
    r"\n[ \t]*+(?:please\s+)?(?:answer|choose|give|indicate|pick|provide|reply|respond|select|state|write)\b"
    r"(?=[^\n]*\b(?:answer|briefly|choice|directly|letter|option|phrase|sentence|word)s?\b)[^\n?]*\Z",
    re.IGNORECASE,
)
_LONE_LETTER = re.compile(r"\(?[A-Z][.):]?")


class OpenR1Video(AboutVideo):
    data_source = "open_r1_video"

    def convert(self, row: dict[str, Any], place: Place) -> Question:
        text, answer = _INSTRUCTION.sub("", untagged(row["original_question"])).rstrip(), row["original_answer"].strip()
        question, options = split_text(text)
        last = text.splitlines()[-1]
        if options and not begins_an_option(last):
            raise ValueError(f"the last line is neither an option nor known to say how to answer: {last.strip()!r}")
        if not options and _LONE_LETTER.fullmatch(answer):
            raise ValueError(f"the answer is the letter {answer}, but no options were found in the question")
        return self.about(place.row, question, options, answer, _relative(row["video"]))


def _relative(path: str) -> str:
    _, folder, rest = path.rpartition(FOLDER)
    if not folder and path.startswith("/"):
        raise ValueError(f"the video {path} lies outside a folder {FOLDER.rstrip('/')}")
    return rest
