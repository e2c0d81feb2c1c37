"""The child of formulas.py: a line of JSON in, `true` or `false` out. It ends with its input, or by its own alarm."""

import json
import logging
import resource
import signal
import sys

ALARM = 10  # seconds; the parent kills it much earlier, unless the parent is gone
MEMORY = 2 << 30


def main() -> None:
    from math_verify import parse, verify

    logging.disable(logging.ERROR)  # that we look after time ourselves
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    parse("$x$", parsing_timeout=None)  # builds the parser, which takes longer than any answer
    print("ready", flush=True)
    for line in sys.stdin:
        signal.alarm(ALARM)
        pair = json.loads(line)
        try:
            gold, said = (parse(pair[name], parsing_timeout=None) for name in ("gold", "said"))
            equal = bool(gold and said and verify(gold, said, timeout_seconds=None))
        except Exception:  # whatever the text does to the parser
            equal = False
        print(json.dumps(equal), flush=True)


if __name__ == "__main__":
    main()
