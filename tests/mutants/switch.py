"""Puts mutants into a source text, each behind a switch: `crate::mutant(N)` says whether N is on.

cargo-mutants says what is replaced, by line and column: the whole of a function's body, but only the
sign of an operator. What the sign joins is found here, by the precedence of Rust's operators and by the
way in which rustfmt writes them: a binary operator has spaces around it, others have none.

No line is added, so that an error of the compiler names the line of the source.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<text>b?r(?P<hashes>\#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n]+?|[^\\'\n])')
      | (?P<word>'?[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9A-Za-z_]*(?:\.[0-9][0-9A-Za-z_]*)?)
      | (?P<sign><<=|>>=|\.\.=|\.\.\.|::|->|=>|==|!=|<=|>=|&&|\|\||\+=|-=|\*=|/=|%=|\^=|&=|\|=|<<|>>|\.\.|.)""",
    re.X | re.S,
)
BINARY = {"*": 10, "/": 10, "%": 10, "+": 9, "-": 9, "<<": 8, ">>": 8, "&": 7, "^": 6, "|": 5}
BINARY |= dict.fromkeys(["==", "!=", "<", ">", "<=", ">="], 4) | {"&&": 3, "||": 2}
ASSIGNING = {"=", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<=", ">>="}
UNARY = 11
BINARY |= {"..": 1, "..=": 1} | dict.fromkeys(ASSIGNING, 0)
OPENING, CLOSING = {"(": ")", "[": "]", "{": "}"}, {")": "(", "]": "[", "}": "{"}
# They begin what stands to their right, and belong to no operand.
BEFORE_OPERANDS = {"return", "break", "if", "while", "match", "in", "else", "let", "move", "unsafe"}
# Parts of the tree that are not compiled for the tests, or for them alone.
NOT_BUILT = re.compile(r'#\[cfg\((not\(unix\)|not\(test\)|feature = "zstd-c"|feature = "unstable-internals")\)\]')


class Unfit(Exception):
    """This mutant cannot be put behind a switch."""


@dataclass
class Token:
    start: int
    end: int
    text: str
    kind: str


@dataclass
class Edit:
    """What replaces `start..end`. `make` is given the `(switch, replacement)` of each mutant that stands here,
    and a function that gives any part of the source with the edits inside it."""

    start: int
    end: int
    make: object
    others: list = field(default_factory=list)
    numbers: list = field(default_factory=list)
    key: object = None


class Source:
    def __init__(self, text):
        self.text = text
        self.tokens = [
            Token(m.start(), m.end(), m.group(), m.lastgroup if m.lastgroup != "hashes" else "text")
            for m in TOKEN.finditer(text)
            if not m.group("space")
        ]
        self.at = {token.start: n for n, token in enumerate(self.tokens)}
        self.lines = [0] + [m.end() for m in re.finditer("\n", text)]
        self.pairs = self._pairs()
        self.not_built = [self._item(m.end()) for m in NOT_BUILT.finditer(text)]

    def _pairs(self):
        pairs, open_ = {}, []
        for n, token in enumerate(self.tokens):
            if token.kind != "sign":
                continue
            if token.text in OPENING:
                open_.append(n)
            elif token.text in CLOSING:
                pairs[n] = open_.pop()
                pairs[pairs[n]] = n
        return pairs

    def _item(self, start):
        """From here to the end of the next block, or of the next statement."""
        n = next(n for n, token in enumerate(self.tokens) if token.start >= start)
        while self.tokens[n].text not in ("{", ";"):
            n = self.pairs[n] + 1 if self.tokens[n].text in ("(", "[") else n + 1
        return start, self.tokens[self.pairs.get(n, n)].end

    def offset(self, place):
        return self.lines[place["line"] - 1] + place["column"] - 1

    def line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    # --- Operands ---------------------------------------------------------------------------------

    def _ends_operand(self, n):
        token = self.tokens[n]
        if token.kind == "word":
            return token.text not in BEFORE_OPERANDS
        return token.kind == "text" or token.text in CLOSING or token.text in "?>"

    def _precedence(self, n):
        """That of a binary operator, or none."""
        token = self.tokens[n]
        if token.kind != "sign" or token.text not in BINARY or not self._ends_operand(n - 1):
            return None
        if token.text in ("..", "..="):
            return BINARY[token.text]
        spaced = self.text[token.start - 1].isspace() and self.text[token.end].isspace()
        return BINARY[token.text] if spaced else None

    def _is_closure(self, n):
        """Whether this is the second bar of a closure's parameters."""
        token = self.tokens[n]
        return token.text in ("|", "||") and self._precedence(n) is None and self.text[token.end].isspace()

    def left_of(self, n, precedence):
        """Where the left operand of a binary operator begins."""
        start = n
        while start > 0:
            before = start - 1
            token = self.tokens[before]
            if token.text in CLOSING and token.kind == "sign":
                if token.text == "}" and self.tokens[start].text not in (".", "?") and start != n:
                    break
                start = self.pairs[before]
                continue
            found = self._precedence(before)
            if found is not None and found < precedence or self._is_closure(before):
                break
            if token.kind == "sign" and token.text in {*OPENING, ",", ";", "=>", "->", ":", "="}:
                break
            if token.kind == "word" and token.text in BEFORE_OPERANDS:
                break
            start = before
        return self.tokens[start].start

    def right_of(self, n, precedence):
        """Where the right operand of an operator ends."""
        if self.tokens[n + 1].text in BEFORE_OPERANDS and precedence > 0:
            raise Unfit("an operand is a block")
        end = n + 1
        while True:
            token = self.tokens[end]
            if token.kind == "sign":
                if token.text in CLOSING or token.text in (",", ";", "=>"):
                    break
                if token.text == "{" and precedence > 0:
                    break
                if token.text in OPENING:
                    end = self.pairs[end] + 1
                    continue
                found = self._precedence(end)
                if found is not None and found <= precedence:
                    break
            elif token.text == "else" and precedence > 0 or token.text == "as" and precedence == UNARY:
                break
            end += 1
        return self.tokens[end - 1].end

    # --- Mutants ----------------------------------------------------------------------------------

    def edit(self, mutant, number):
        start = self.offset(mutant["span"]["start"])
        if any(a <= start < b for a, b in self.not_built):
            raise Unfit("it is not built for the tests")
        function = mutant["function"]
        if function is None:
            raise Unfit("it is not in a function")
        head = self.text[self.offset(function["span"]["start"]):start]
        if re.search(r"\bconst\s+(unsafe\s+)?fn\b[^{]*\{", head) or re.search(r"\bconst [A-Z_0-9]+:[^;]*$", head):
            raise Unfit("it is computed when it is built")
        make = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", mutant["genre"]).lower(), None)
        if make is None:
            raise Unfit("there is no switch for its kind")
        edit = make(mutant, start)
        edit.others.append((f"crate::mutant({number})", mutant["replacement"]))
        edit.numbers.append(number)
        edit.key = (mutant["genre"], start)
        return edit

    def _token(self, start):
        if start not in self.at:
            raise Unfit("it is a part of a sign")
        return self.at[start]

    def _fn_value(self, mutant, start):
        def make(others, _):
            return "".join(f"if {switch} {{ return {value}; }} " for switch, value in others)

        return Edit(start, start, make)

    def _binary_operator(self, mutant, start):
        n = self._token(start)
        sign = self.tokens[n]
        precedence = self._precedence(n)
        if precedence is None:
            raise Unfit("it is not written as a binary operator")
        left, right = self.left_of(n, precedence), self.right_of(n, precedence)
        if any(token.text == "let" for token in self.tokens if left <= token.start < right):
            raise Unfit("it joins a let")

        def make(others, part):
            a, b = part(left, sign.start), part(sign.end, right)
            return either([(s, f"{a}{other}{b}") for s, other in others], f"{a}{sign.text}{b}")

        return self._whole(Edit(left, right, make))

    def _unary_operator(self, mutant, start):
        n = self._token(start)
        sign = self.tokens[n]
        right = self.right_of(n, UNARY)
        if self.tokens[n + 1].text[0].isdigit():
            raise Unfit("it is part of a number")

        def make(others, part):
            operand = part(sign.end, right)
            return either([(s, operand) for s, _ in others], f"{sign.text}{operand}")

        return self._whole(Edit(start, right, make))

    def _match_arm(self, mutant, start):
        n = self._token(start)
        while self.tokens[n].text != "=>":
            n = self.pairs[n] + 1 if self.tokens[n].text in OPENING else n + 1
        arrow = self.tokens[n].start
        return Edit(arrow, arrow, lambda others, _: "".join(f"if !{switch} " for switch, _ in others))

    def _match_arm_guard(self, mutant, start):
        end = self.offset(mutant["span"]["end"])

        def make(others, part):
            guard = part(start, end)
            for switch, value in others:
                guard = f"({switch} || ({guard}))" if value == "true" else f"(!{switch} && ({guard}))"
            return guard

        return Edit(start, end, make)

    def _whole(self, edit):
        """What is written twice cannot have comments: one of the two stands on one line."""
        if "//" in self.text[edit.start:edit.end]:
            raise Unfit("there is a comment in it")
        return edit

    # --- The text with them -----------------------------------------------------------------------

    def render(self, edits):
        """The text with edits of different keys, all of which lie apart or in each other."""
        first_the_outer = lambda edit: (edit.start, edit.start != edit.end, -edit.end, edit.key[0] != "MatchArmGuard")
        edits = sorted(edits, key=first_the_outer)

        def within(start, end, of):
            """`start..end` with those of `of`: each outermost one makes its own inside."""
            out, at = [], start
            for n, edit in enumerate(of):
                begins_later = edit.start == edit.end == end != start
                if edit.start < at or edit.end > end or begins_later:
                    continue
                out.append(self.text[at:edit.start])
                inner = of[n + 1:]
                out.append(edit.make(edit.others, lambda a, b, inner=inner: within(a, b, inner)))
                at = edit.end
            return "".join(out) + self.text[at:end]

        return within(0, len(self.text), edits)


def either(others, plain):
    """The expression that is one of several; the plain one alone keeps its lines."""
    lines = [f"if {switch} {{ {other} }} else ".replace("\n", " ") for switch, other in others]
    return f"({''.join(lines)}{{ {plain} }})"
