"""Style sheets without the rules that no page of the site can use.

A rule stays when each class, id, element and attribute that its selector asks for is in some page
or is a word of some script, which may set it later. States (`:hover`, `[open]`, `.show`) stay so,
and what `:not()` excludes asks for nothing. So a rule may stay without need, but none goes that
an element of the site could match.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import tinycss2
from tinycss2.ast import Node

_WORD = re.compile(r"-{0,2}[A-Za-z_][\w-]*")
_PROPERTY_USE = re.compile(r"var\(\s*(--[\w-]+)")
_ANIMATION_USE = re.compile(r"\banimation(?:-name)?\s*:([^;}]*)")
_GROUPS = frozenset({"media", "supports", "layer", "container", "scope", "starting-style"})
# Elements that the parser of a browser adds, and names that stand for no element.
_ALWAYS = frozenset({"html", "head", "body", "tbody", "from", "to", "*"})
# Attributes that a browser sets when the reader opens something.
_STATES = frozenset({"open"})


@dataclass
class Vocabulary:
    """What the pages and scripts of a site name.

    Attributes:
        tags: Elements of the pages.
        classes: Their classes.
        ids: Their ids.
        attributes: Names of their attributes.
        words: Words of the scripts; any of them may become one of the above.
        beginnings: Those of the words that end with a hyphen; scripts put names together.
        asked: Custom properties (`--name`) and key frames that pages, scripts and other style
            sheets ask for.
    """

    tags: set[str] = field(default_factory=lambda: set(_ALWAYS))
    classes: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=lambda: set(_STATES))
    words: set[str] = field(default_factory=set)
    beginnings: tuple[str, ...] = ()
    asked: set[str] = field(default_factory=set)

    def add_page(self, text: str) -> None:
        """Take up the elements of a page, and the words of the scripts in it."""
        _Reader(self).feed(text)

    def add_script(self, text: str) -> None:
        """Take up every word of a script."""
        words = set(_WORD.findall(text))
        self.words |= words
        self.beginnings += tuple(word for word in words if word.endswith("-") and len(word) > 3)
        self.asked |= {word for word in words if word.startswith("--")}

    def add_style(self, text: str) -> None:
        """Take up what a style sheet asks for, which another one may declare."""
        self.asked |= set(_PROPERTY_USE.findall(text))
        self.asked |= {word for use in _ANIMATION_USE.findall(text) for word in _WORD.findall(use)}

    def has(self, known: set[str], name: str) -> bool:
        """Whether a name is among the known ones or may be made by a script."""
        return name in known or name in self.words or name.startswith(self.beginnings)

    def has_attribute(self, name: str) -> bool:
        """Whether a page has an attribute or a script may set it, also by `dataset.someName`."""
        first, *rest = name.removeprefix("data-").split("-")
        in_script = first + "".join(map(str.title, rest)) if name.startswith("data-") else name
        return name in self.attributes | self.words or in_script in self.words


class _Reader(HTMLParser):
    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._found = vocabulary
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self._found.tags.add(tag)
        for name, value in attrs:
            self._found.attributes.add(name)
            if name == "class":
                self._found.classes.update((value or "").split())
            elif name == "id":
                self._found.ids.add(value or "")
            elif name == "style" or name.startswith("on"):
                self._found.add_script(value or "")

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self._found.add_script(data)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._in_script = False


def slim_style(text: str, vocabulary: Vocabulary) -> str:
    """A style sheet without rules that match nothing, without comments and spare space.

    Args:
        text: Style sheet.
        vocabulary: What pages and scripts name.

    Returns:
        Style sheet with the same effect on the pages of the site.
    """
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    kept = "".join(_rules(rules, vocabulary))
    while True:
        # A property may be asked for by another one that nobody asks for.
        slimmer = _without_unused(kept, vocabulary)
        if slimmer == kept:
            return kept
        kept = slimmer


def _rules(rules: Iterable[Node], vocabulary: Vocabulary) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [s for s in _split(rule.prelude) if _possible(s, vocabulary)]
            body = _compact(rule.content)
            if selectors and body:
                yield f"{','.join(_compact(s) for s in selectors)}{{{body}}}"
        elif rule.type == "at-rule":
            prelude = _compact(rule.prelude)
            head = f"@{rule.at_keyword}{' ' if prelude else ''}{prelude}"
            if rule.content is None:
                yield f"{head};"
            elif rule.lower_at_keyword in _GROUPS:
                inner = tinycss2.parse_rule_list(
                    rule.content, skip_comments=True, skip_whitespace=True
                )
                if body := "".join(_rules(inner, vocabulary)):
                    yield f"{head}{{{body}}}"
            else:
                yield f"{head}{{{_compact(rule.content)}}}"
        else:
            raise ValueError(f"not a style sheet: {rule.message}")


def _split(tokens: Iterable[Node]) -> list[list[Node]]:
    """Parts between commas."""
    parts: list[list[Node]] = [[]]
    for token in tokens:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _possible(selector: list[Node], vocabulary: Vocabulary) -> bool:
    """Whether some element of the site may match a selector, now or after a script."""
    before = ""
    for token in selector:
        if token.type == "ident" and before == ".":
            if not vocabulary.has(vocabulary.classes, token.value):
                return False
        elif token.type == "ident" and before != ":":
            if not vocabulary.has(vocabulary.tags, token.lower_value):
                return False
        elif token.type == "hash":
            if not vocabulary.has(vocabulary.ids, token.value):
                return False
        elif token.type == "[] block":
            name = next(t.lower_value for t in token.content if t.type == "ident")
            if not vocabulary.has_attribute(name):
                return False
        elif token.type == "function" and token.lower_name in ("is", "where", "has"):
            parts = _split(token.arguments)
            if not any(_possible(part, vocabulary) for part in parts):
                return False
        before = token.value if token.type == "literal" else ""
    return True


def _compact(tokens: Iterable[Node]) -> str:
    """Source of tokens with no comments, and one space where some was."""
    text = "".join(_sources(tokens)).strip()
    return text.removesuffix(";")


def _sources(tokens: Iterable[Node]) -> Iterator[str]:
    """Sources of tokens; spaces at the edges of declarations and blocks are left out."""
    nodes: list[Node | None] = [None, *(t for t in tokens if t.type != "comment"), None]
    for before, token, after in zip(nodes, nodes[1:], nodes[2:], strict=False):
        if token is None or (token.type == "whitespace" and _spare(before, after)):
            continue
        if token.type == "whitespace":
            yield " "
        elif token.type in ("{} block", "[] block", "() block"):
            yield f"{token.type[0]}{_compact(token.content)}{token.type[1]}"
        elif token.type == "function":
            yield f"{token.name}({_compact(token.arguments)})"
        else:
            yield token.serialize()


def _spare(before: Node | None, after: Node | None) -> bool:
    """Whether a space between two tokens says nothing."""
    if before is None or after is None:
        return True
    # Before a colon a space may part two compound selectors, after it never.
    around = (before, after)
    return before == ":" or any(n in (";", ",", ">") or n.type == "{} block" for n in around)


def _without_unused(text: str, vocabulary: Vocabulary) -> str:
    """Drop custom properties and key frames that nothing asks for."""
    rules = tinycss2.parse_stylesheet(text)
    asked = set(vocabulary.asked)
    animated = vocabulary.words | vocabulary.asked
    for name, value in _declarations(rules):
        asked |= set(_asked(value))
        if name.endswith(("animation", "animation-name")) or name.startswith("--"):
            animated |= {t.value for t in value if t.type == "ident"}
    return "".join(_reduced(rules, asked, animated))


def _declarations(rules: Iterable[Node]) -> Iterator[tuple[str, list[Node]]]:
    for rule in rules:
        if getattr(rule, "content", None) is None:
            continue
        for part in tinycss2.parse_blocks_contents(rule.content):
            if part.type == "declaration":
                yield part.lower_name, part.value
            else:
                yield from _declarations([part])


def _asked(tokens: Iterable[Node]) -> Iterator[str]:
    for token in tokens:
        if token.type == "function":
            yield from _asked(token.arguments)
        elif token.type in ("() block", "{} block", "[] block"):
            yield from _asked(token.content)
        elif token.type == "ident" and token.value.startswith("--"):
            yield token.value


def _reduced(rules: Iterable[Node], asked: set[str], animated: set[str]) -> Iterator[str]:
    for rule in rules:
        group = rule.type == "at-rule" and rule.lower_at_keyword in _GROUPS
        if rule.type == "at-rule" and rule.lower_at_keyword.endswith("keyframes"):
            if _compact(rule.prelude) in animated:
                yield rule.serialize()
        elif group and rule.content is not None:
            inner = "".join(_reduced(tinycss2.parse_rule_list(rule.content), asked, animated))
            if inner:
                yield f"@{rule.at_keyword} {_compact(rule.prelude)}{{{inner}}}"
        elif rule.type == "qualified-rule":
            if body := _needed(rule.content, asked):
                yield f"{_compact(rule.prelude)}{{{body}}}"
        else:
            yield rule.serialize()


def _needed(content: list[Node], asked: set[str]) -> str:
    kept = []
    for part in _split_declarations(content):
        name = next((t.value for t in part if t.type == "ident"), "")
        if not name.startswith("--") or name in asked:
            kept.append(_compact(part))
    return ";".join(filter(None, kept))


def _split_declarations(content: list[Node]) -> list[list[Node]]:
    parts: list[list[Node]] = [[]]
    for token in content:
        if token == ";":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
