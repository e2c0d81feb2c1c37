"""The language of `firsthand select filter`: `0 < full < 1 and full - blind > 0.1`, over the keys of a scores file.

Names, numbers, texts, + - * /, comparisons, `in`, and, or, not, abs(), min(), max(), round(). Nothing else is read, and
nothing is ever run as Python. A row without one of the names has no answer, and is counted as such.
"""

import ast
import difflib
import operator
from collections.abc import Callable, Mapping
from typing import Any

from firsthand.errors import UserError

BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARED: dict[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.Not: operator.not_}
FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": abs, "min": min, "max": max, "round": round}
LONGEST = 2000  # characters
DIGITS = 9  # of a result: 0.6 - 0.2 is 0.4
Values = Mapping[str, Any]


class Unknown(Exception):
    """The row has no value for a name."""


class Expression:
    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise UserError(f"the expression has {len(text)} characters, {LONGEST} are allowed")
        try:
            self.tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UserError(f"{text!r} is not an expression ({error}); write 0 < full < 1") from None
        for node in ast.walk(self.tree):
            self._allow(node)

    def _allow(self, node: ast.AST) -> None:
        match node:
            case ast.BinOp(op=op) if type(op) in BINARY:
                return
            case ast.UnaryOp(op=op) if type(op) in UNARY:
                return
            case ast.Compare(ops=ops) if all(type(op) in COMPARED for op in ops):
                return
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
                return
            case ast.Constant(value=bool() | int() | float() | str()):
                return
            case ast.BoolOp() | ast.Name() | ast.List() | ast.Tuple() | ast.expr_context() | ast.boolop():
                return
            case ast.operator() | ast.unaryop() | ast.cmpop():
                return  # the node that holds it was looked at
        said = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
        raise UserError(f"{self.text!r}: `{said}` is not allowed; names, numbers, comparisons, and, or, not are")

    @property
    def names(self) -> set[str]:
        """The keys that it reads."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        return {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and id(node) not in called}

    def check(self, keys: set[str]) -> None:
        for name in sorted(self.names - keys):
            near = difflib.get_close_matches(name, keys, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(sorted(keys))}"
            raise UserError(f"{self.text!r}: no row has a key `{name}`; {hint}")

    def __call__(self, values: Values) -> bool:
        """UserError where it makes no sense, Unknown where the row says nothing."""
        try:
            return bool(_value(self.tree, values))
        except (TypeError, ValueError, ArithmeticError) as error:
            raise UserError(f"{self.text!r}: {error}") from None


def _value(node: ast.expr, values: Values) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if values.get(name) is None:
                raise Unknown(name)
            return values[name]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_value(element, values) for element in elements]
        case ast.UnaryOp(op=op, operand=operand):
            return UNARY[type(op)](_value(operand, values))
        case ast.BinOp(left=left, op=op, right=right):
            numbers = _numbers(_value(left, values), _value(right, values))
            return round(BINARY[type(op)](*numbers), DIGITS)
        case ast.BoolOp(op=op, values=parts):
            stop = isinstance(op, ast.Or)
            return next((stop for part in parts if bool(_value(part, values)) is stop), not stop)
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compared(_value(left, values), ops, others, values)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(_value(argument, values) for argument in arguments))
    raise AssertionError(f"{type(node).__name__} was let in")


def _numbers(left: Any, right: Any) -> tuple[float, float]:
    """Texts and lists could be multiplied until memory is full."""
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        raise TypeError(f"{left!r} and {right!r} are not both numbers")
    return left, right


def _compared(left: Any, ops: list[ast.cmpop], others: list[ast.expr], values: Values) -> bool:
    for op, other in zip(ops, others, strict=True):
        right = _value(other, values)
        if not COMPARED[type(op)](left, right):
            return False
        left = right
    return True
