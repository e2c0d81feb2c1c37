"""The claims of a text to an answer: which letters of a question it says are right, and how clearly.

A strong claim says that it is the answer ("The answer is B", 选B, "B is correct"), or is a line that is only a letter.
A weak claim is a line that begins like an option ("B. the blue plate"); two letters of those are a list of options. A
claim does not count in a clause that doubts or denies it. Two letters in one breath ("B or C") raise `TwoLetters`.

No pattern repeats without a bound over characters that another part of it could match too, so the time is linear.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

ARTICLES = ("a", "an", "the")
NEAR = 80  # characters before a claim in which a doubt is looked for


def _any(*words: str) -> str:
    return rf"(?:{'|'.join(words)})"


# Parts: marks around a letter, what may stand between "The answer is" and a letter, what joins two letters.
_MARK = r"""[\s"'()\[\]{}<>.,:;_#✅✓✔→➡=-]"""
_OPEN = r"""[\s"'()\[\]{}<:_=-]{0,12}"""
_CLOSE = r"""[\s"')\]}_]{0,8}"""
_SURELY = ("most likely", "likely", "probably", "clearly", "obviously", "certainly", "definitely", "actually")
_FILLERS = (*_SURELY, "therefore", "thus", "indeed", "simply", "only", "the", "correct", "best")
_FILL = rf"(?:(?:{_any(*_FILLERS, 'option', 'choice', 'letter', 'answer')}\b|选项|第)[\s:]{{0,8}}){{0,3}}"
_AND = r"(?:\s{0,8}(?:\b(?:[Oo]r|[Aa]nd|y|o|et|ou|und|oder)\b|[/,、&+→和或与及]|->|还是)\s{0,8}){1,3}"
_NAMES = "(?:[Oo]ption|[Cc]hoice|[Ll]etter|[Aa]nswer|ANSWER)"
_WRONG = ("wrong", "incorrect", "false", "unlikely")

# A line or text with a letter and nothing else; a line that begins with one.
_ALONE = re.compile(rf"{_MARK}*(?:(?:[Ff]inal )?{_NAMES}{_MARK}+|选项)?([A-Za-z])(?:{_MARK}|!)*")
_LIKE_OPTION = re.compile(
    rf"""[\s"'(\[{{_#>-]{{0,8}}(?:{_NAMES}\s{{1,8}})?(?:([A-Z])["'_)\]}}]{{0,4}}"""
    + _any(
        r"\s{0,8}[.:)\]}、]",
        r"\s[–—-]\s",
        r",?(?=\s(?:because|since|as|due|given)\b)",
        r"(?P<space>,?\s)",  # only if the text of this option follows
    )
    + r"""|([a-z])[.)])["'_)\]}]{0,4}(?!\s?[A-Za-z]\.)"""
)
_INLINE = re.compile(r"""(?:^|[\s("'、])([A-Z])(?:["']?[.:)]\s|、)""")

# Phrases after which the answer stands; after the second kind the letter must end its clause.
_NOUN = _any("answer", "ans", "option", "choice", "prediction", "solution", "response")
_FOREIGN = _any("respuesta", "réponse", "antwort", "ответ")
_ABOUT = "(?: (?:(?:to|for) (?:this|the|your) (?:question|problem)|(?:among|of) (?:these|the (?:options|choices))))?"
_BE = r"(?:(?:would|should|must|will|has to|seems to|appears to) be|is|was|be|es|est|ist)"
_CHOOSE = _any("choose", "pick", "select", "go (?:with|for)", "going with", "settle on", "opt for")
_SAYS = re.compile(
    _any(
        rf"\b(?:{_NOUN}|{_FOREIGN})\b{_ABOUT}[\s\"'_]{{0,8}}(?:\b{_BE}\b|[:=→–-]|(?=[(\[]))",
        r"(?:答案|回答|正解|答え|정답)\s{0,8}(?:应该|应|就)?(?:是|为|は|은|는|[:=])",
        r"(?<![不别])(?:选择|选|選)",
        rf"\b{_CHOOSE}\b",
    )
    + f"{_OPEN}{_FILL}{_OPEN}",
    re.IGNORECASE,
)
_THINK = ("i think", "i believe", "i'd say", "i would say", "i guess")
_IT_IS = ("it's", "it is", "that's", "that is", "probably", "actually")
_CONCLUSION = _any("so", "thus", "hence", "therefore", *_IT_IS, *_THINK)
_SECOND_THOUGHT = _any("no", "yes", "wait", "sorry", "rather", "correction")
_SO = re.compile(rf"\b(?:{_CONCLUSION}\b|{_SECOND_THOUGHT}\b(?=[,:]))[\s,:]{{1,4}}{_FILL}{_OPEN}", re.IGNORECASE)
_LAST_WORD = re.compile(r"[a-z]{3}[.!?]\s{1,8}\(?([A-Z])\)?[.!]?$")
_RIGHT = re.compile(
    r"(?<![A-Za-z0-9'])([A-Z])[)\]\"'_]{0,4}\s{0,8}(?:[:是]|选项是?|(?=正确)|(?:is|must be)\b)\s{0,8}"
    rf"(?:{_any(*_SURELY, 'the', 'my', '最')} {{0,4}}){{0,3}}"
    r"(?:correct|right|best|answer|most (?:accurate|plausible|appropriate)|正确|对的|答案)(?!\s{0,8}\?)"
)

# A letter and what may follow it; the rest says that there are two, or that it is none.
_LETTER = re.compile(r"([A-Za-z])(?![A-Za-z0-9'+#]|-[A-Za-z]|\s{0,8}\?)")
_ENDS = re.compile(rf"{_CLOSE}(?:$|[.,;:!<()\]\n]|[–—-]\s|[^\x00-\x7f])")
_REASON = ("because", "since", "as", "for", "but", "which", "with", "given", "based", "due", "rather", "when")
_PLACE = ("in", "at", "on", "from", "by", "here")
_GOES_ON = re.compile(rf"{_CLOSE}(?:{_any(*_REASON, *_PLACE, 'is', 'and', 'or')}\b|[/,&+])")
_SECOND = re.compile(
    rf"""[\s"')\]}}_.;]{{0,8}}(?:{_AND}|\.(?=[A-Z]))"""
    r"""(?:(?:maybe|possibly|also|perhaps|option|choice) ){0,2}[("'\[]{0,4}"""
    r"(?:([B-HJ-Z])(?![A-Za-z0-9'])|([AI])(?![A-Za-z0-9']| [a-z]{2}))"
)
_FIRST_OF_TWO = re.compile(rf"(?<![A-Za-z0-9'])[A-Z][)\]\"'_]{{0,4}}{_AND}(?:option )?[(\"'\[]{{0,4}}$")
_DENIED_AFTER = re.compile(rf"{_CLOSE}(?:,\s(?:which|this|that)\s)?(?:is|was|would be)\s{_any('not', *_WRONG)}\b")
_DENIED_IN_LINE = re.compile(
    r"\s{0,8}(?:(?:is|it's|it is|this is|can be|was)\s)?"
    rf"(?:{_any('not', *_WRONG, 'ruled out')}\b|isn't\b|no[.,]|no$|不)|{_AND}(?=[^a-z])",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[.,;:!?\n]|\b(?:but|so|thus|hence|therefore|then)\b", re.IGNORECASE)
_NO = ("not", "never", "no", "neither", "nor", "nobody", "cannot")
_PERHAPS = ("could", "might", "may", "whether", "if", "unless", "some", "people", "doubt")
_BEFORE = ("initial", "initially", "originally", "previous", "earlier", "my first")
_DOUBT = re.compile(rf"\b{_any(*_NO, *_PERHAPS, *_BEFORE, *_WRONG)}\b|n't\b|[不没非别]", re.IGNORECASE)
_UNDECIDED = re.compile(r"\b(?:can't|cannot|can not|unable to) (?:\w{1,12} )?(?:choose|decide)\b", re.IGNORECASE)
_WORD = re.compile(r"[\w.+%°:/-]+")


class TwoLetters(Exception):
    """A text that claims two letters at once."""


def words(text: str) -> str:
    """What is compared of an option's text: its words in lower case, without an article before them."""
    found = [word.strip(".:/-") for word in _WORD.findall(text.casefold())]
    return " ".join(filter(None, found[1:] if found and found[0] in ARTICLES else found))


@dataclass(frozen=True)
class Claims:
    letters: str
    options: Mapping[str, str]

    @cached_property
    def _texts(self) -> dict[str, str]:
        """Letter -> the words of its option."""
        return {letter: text for letter, option in self.options.items() if (text := words(option))}

    @cached_property
    def _longest(self) -> int:
        return max((len(option) for option in self.options.values()), default=0) + 40

    def letter(self, written: str) -> str | None:
        found = written if written in self.letters else written.upper()
        return found if written.isascii() and found in self.letters else None

    def by_text(self, text: str) -> str | None:
        """The one option whose text this is, as a whole or up to the end of its first line, sentence or clause."""
        near = text[: 4 * self._longest].lstrip(" \n.:,;)]}\"'-")
        for end in ("\n", ". ", ", "):
            part, cut, rest = near.partition(end)
            said = words(part[: self._longest + 1])
            found = [letter for letter, option in self._texts.items() if option == said]
            if len(found) == 1 and (cut or len(near) <= self._longest):
                rest = f" {words(rest)} "
                return None if any(f" {option} " in rest for option in self._texts.values()) else found[0]
        return None

    def alone(self, text: str) -> str | None:
        """The letter that stands alone, whatever the marks around it."""
        match = _ALONE.fullmatch(text)
        return self.letter(match[1]) if match else None

    def strong(self, text: str) -> Iterator[str]:
        yield from filter(None, map(self.alone, text.split("\n")))
        yield from self._after(_SAYS, text, by_text=True)
        yield from self._after(_SO, text, by_text=False)
        for match in _RIGHT.finditer(text):
            if (letter := self.letter(match[1])) and not _doubted(text, match.start()):
                if _FIRST_OF_TWO.search(text[max(0, match.start() - NEAR) : match.start()]):
                    raise TwoLetters
                yield letter
        if last := _LAST_WORD.search(text.rstrip()[-16:]):
            yield from filter(None, [self.letter(last[1])])

    def _after(self, phrase: re.Pattern[str], text: str, by_text: bool) -> Iterator[str]:
        """The letters, or the texts of options, that come after a phrase such as "The answer is"."""
        for said in phrase.finditer(text):
            if (
                _doubted(text, said.start())
                or _UNDECIDED.search(text, said.end(), said.end() + NEAR)
                or ("\n" in said[0] and self._heads_a_list(text, said.end()))
            ):
                continue
            found = _LETTER.match(text, said.end())
            letter = self._meant(found, text, surely=not by_text) if found else None
            if letter or by_text:
                yield from filter(None, [letter or self.by_text(text[said.end() : said.end() + self._longest + 1])])

    def _meant(self, match: re.Match[str], text: str, surely: bool) -> str | None:
        """The letter of a match, unless it is a word ("A person") or denied; it must end its clause to be sure."""
        letter = self.letter(match[1])
        if letter is None or _DENIED_AFTER.match(text, match.end()):
            return None
        second = _SECOND.match(text, match.end())
        if second and self.letter(second[1] or second[2]) not in (None, letter):
            raise TwoLetters
        ends = _ENDS.match(text, match.end())
        if match[1].islower() or surely:
            return letter if ends else None
        own = self.by_text(text[match.end() : match.end() + self._longest + 1])
        if own not in (None, letter):
            raise TwoLetters
        return letter if own or ends or _GOES_ON.match(text, match.end()) else None

    def _heads_a_list(self, text: str, at: int) -> bool:
        """Whether the next line is an option too."""
        _, *below = text[at : at + 2 * self._longest + NEAR].split("\n")
        return any(self._like_option(line) for line in [line for line in below if line.strip()][:1])

    def _lists(self, rest: str) -> bool:
        """Whether more options follow in the same line."""
        return any(map(self.letter, _INLINE.findall(rest)))

    def _another_alone(self, letter: str, rest: str) -> bool:
        """Whether the text of another option is in a line, and that of its own letter is not."""
        near = f" {words(rest[: self._longest + NEAR])} "
        named = {other for other, option in self._texts.items() if f" {option} " in near}
        return bool(named) and letter not in named

    def _about_something_else(self, letter: str, rest: str) -> bool:
        """Whether a sentence follows that has no word of the letter's option: "A. Smith wrote the label"."""
        said, own = words(rest[: self._longest + NEAR]).split(), self._texts.get(letter, "").split()
        return len(said) > 2 and bool(own) and said[0] not in _REASON and not set(said) & set(own)

    def weak(self, text: str) -> set[str]:
        """The letters of the lines that begin like an option, and do not deny it."""
        found = [one for line in text.split("\n") if (one := self._like_option(line))]
        listed, claimed = {letter for letter, _ in found}, {letter for letter, denied in found if not denied}
        return listed if len(listed) > 1 else claimed

    def _like_option(self, line: str) -> tuple[str, bool] | None:
        """The letter that a line begins with, and whether the line denies it."""
        match = _LIKE_OPTION.match(line)
        letter = self.letter(match[1] or match[3]) if match else None
        if match is None or letter is None or self.alone(line):
            return None
        rest = line[match.end() :]
        own = self.by_text(rest)
        if own not in (None, letter) or self.alone(rest) or (own is None and self._lists(rest)):
            raise TwoLetters
        if own is None and self._another_alone(letter, rest):
            raise TwoLetters
        if own is None and (match["space"] or self._about_something_else(letter, rest)):
            return None
        return letter, own is None and bool(_DENIED_IN_LINE.match(rest))


def _doubted(text: str, at: int) -> bool:
    """Whether the clause before a claim doubts or denies it."""
    before = text[max(0, at - NEAR) : at]
    ends = [match.end() for match in _CLAUSE.finditer(before)]
    return bool(_DOUBT.search(before, ends[-1] if ends else 0))
