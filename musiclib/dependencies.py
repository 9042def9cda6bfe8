"""Which definitions of the package a piece of code rests on, read from the sources alone.

A result changes when a function, a class or a constant changes that took part in it, and not when
a comment does, or something else in the same file. So each definition is known by a digest of its
syntax tree, without comments, docstrings and annotations, and the names in it lead to others:

    Sources(package).reached(Code(notebook))

Names are followed through imports to where they are defined, and a digest says `griffin_lim` and
not where that stands: a definition that moves to another file stays the same. What a name stands
for at run time is not known here, so everything counts that it may stand for: a class with all its
methods, and all of a module that is passed around.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

Place: TypeAlias = tuple[str, str]
"""A module's dotted name and what it defines; for statements that run at import, their text."""

COMPUTING: Final = ("librosa", "numba", "numpy", "scikit-learn", "scipy", "torch")
"""Libraries whose versions decide about numbers."""

_PACKAGE: Final = Path(__file__).parent
_SCOPES: Final = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
_EFFECT: Final = "on import: "


def code_digest(module: str) -> str:
    """Return a digest of all that a module of this package rests on, and of libraries' versions.

    What is kept on disk between runs was made by some version of the code and of the libraries.
    With this in its key, another version makes it anew.

    Args:
        module: Its dotted name, such as `musiclib.stft`.
    """
    sources = Sources.of(_PACKAGE)
    reached = sources.reached((module, name) for name in sources.code(module).definitions)
    parts = [f"{name} {version(name)}" for name in COMPUTING]
    parts += sorted(f"{name} {sources.digest((owner, name))}" for owner, name in reached)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Import:
    """What an import binds a name to: a module, or what it has of a name."""

    module: str
    name: str = ""


@dataclass
class Code:
    """Python code: what it defines, what it imports, and what it does when it is imported.

    Attributes:
        module: Its dotted name.
        package: Dotted name of the package that relative imports start from.
        definitions: Statements that define a name.
        imports: Names that are imported.
        effects: Other statements, by their text.
        statements: All that defines or does something, in order.
    """

    module: str
    package: str
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, _Import] = field(default_factory=dict)
    effects: dict[str, list[ast.stmt]] = field(default_factory=dict)
    statements: list[ast.stmt] = field(default_factory=list)

    @classmethod
    def of(
        cls, source: str | Iterable[ast.stmt], module: str = "", *, is_package: bool = False
    ) -> Code:
        """Read source code, or statements that were parsed already.

        Raises:
            SyntaxError: It is no Python.
        """
        code = cls(module, module if is_package else module.rpartition(".")[0])
        for statement in ast.parse(source).body if isinstance(source, str) else source:
            code._add(statement)
        return code

    def at(self, name: str) -> list[ast.stmt]:
        """Return the statements that define a name, or that run at import."""
        return self.definitions.get(name) or self.effects.get(name) or []

    def _add(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.imports |= dict(_imported(statement, self.package))
            return
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return  # text that explains
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            for inner in statement.body:
                self._add(inner)
            return
        self.statements.append(statement)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.definitions.setdefault(statement.name, []).append(statement)
            return
        names = set()
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.imports |= dict(_imported(node, self.package))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
        for name in sorted(names):
            self.definitions.setdefault(name, []).append(statement)
        # What only binds names does nothing to what others have.
        binds = isinstance(statement, ast.Assign | ast.AnnAssign)
        if not binds or any(map(_is_written_to, ast.walk(statement))):
            text = ast.unparse(statement).partition("\n")[0]
            self.effects.setdefault(_EFFECT + text, []).append(statement)


class Sources:
    """All modules of a package, as their files are when they are first asked for.

    Attributes:
        folder: The package's folder.
        files: Its modules by their dotted names.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            self.files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        self._codes: dict[str, Code] = {}
        self._digests: dict[Place, str] = {}
        self._uses: dict[Place, list[Place]] = {}

    @classmethod
    def of(cls, folder: Path) -> Sources:
        """Return a package's present sources; those that were read before if no file changed."""
        states = [(path, path.stat()) for path in sorted(folder.rglob("*.py"))]
        return _sources(folder, tuple((p, state.st_mtime_ns, state.st_size) for p, state in states))

    def code(self, module: str) -> Code:
        """Return a module of the package."""
        if module not in self._codes:
            path = self.files[module]
            text = path.read_text(encoding="utf-8")
            self._codes[module] = Code.of(text, module, is_package=path.name == "__init__.py")
        return self._codes[module]

    def label(self, place: Place) -> str:
        """Name a place for readers: `musiclib/stft.py: griffin_lim`."""
        module, name = place
        return f"{self.files[module].relative_to(self.folder.parent).as_posix()}: {name}"

    def place(self, label: str) -> Place | None:
        """Return the place that a label names, if its module is there."""
        path, _, name = label.partition(": ")
        module = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        return (module, name) if module in self.files else None

    def places(self, name: str) -> list[Place]:
        """Return where a name is defined."""
        return self._by_name.get(name, [])

    @cached_property
    def _by_name(self) -> dict[str, list[Place]]:
        found: dict[str, list[Place]] = {}
        for module in self.files:
            code = self.code(module)
            for name in (*code.definitions, *code.effects):
                found.setdefault(name, []).append((module, name))
        return found

    def reached(self, start: Iterable[Code | Place]) -> set[Place]:
        """Return all that some code rests on, through any number of steps.

        Args:
            start: Code outside the package, or places in it.
        """
        waiting: list[Place] = []
        for one in start:
            if isinstance(one, Code):
                waiting += self.named(one)
                waiting += [p for i in one.imports.values() for p in self._on_import(i.module)]
            else:
                waiting.append(one)
        found: set[Place] = set()
        modules: set[str] = set()
        while waiting:
            place = waiting.pop()
            if place in found or place[0] not in self.files:
                continue
            found.add(place)
            if place not in self._uses:
                code = self.code(place[0])
                self._uses[place] = self._used(code, code.at(place[1]))
            waiting += self._uses[place]
            if place[0] not in modules:
                modules.add(place[0])
                waiting += self._on_import(place[0])
        return found

    def calls(self, code: Code, module: str) -> Iterator[tuple[ast.Call, str]]:
        """Yield calls of what a module defines, in code outside the package, with its name."""
        names = _Names(self, code)
        for statement in code.statements:
            for node in ast.walk(statement):
                found = names.target(node.func) if isinstance(node, ast.Call) else None
                if isinstance(node, ast.Call) and isinstance(found, tuple) and found[0] == module:
                    yield node, found[1]

    def named(self, code: Code) -> list[Place]:
        """Return the places that code outside the package names itself."""
        return self._used(code, code.statements)

    def digest(self, place: Place) -> str:
        """Return a digest of what a definition does."""
        if place not in self._digests:
            code = self.code(place[0])
            self._digests[place] = _digest(self, code, code.at(place[1]))
        return self._digests[place]

    def digest_of(self, code: Code, statements: Sequence[ast.stmt] | None = None) -> str:
        """Return a digest of what code outside the package does, or some statements of it."""
        return _digest(self, code, code.statements if statements is None else statements)

    def text(self, place: Place) -> str:
        """Return a definition as it is written, with its comments."""
        lines = self.files[place[0]].read_text(encoding="utf-8").splitlines()
        found = self.code(place[0]).at(place[1])
        return "\n".join("\n".join(lines[s.lineno - 1 : s.end_lineno]) for s in found)

    def _on_import(self, module: str) -> list[Place]:
        """Return what runs when a module is imported: in it, and in the packages around it."""
        parts = module.split(".")
        around = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return [(m, effect) for m in around if m in self.files for effect in self.code(m).effects]

    def _used(self, code: Code, statements: Sequence[ast.stmt]) -> list[Place]:
        """Return the places that statements name."""
        found: list[Place] = []
        for _, target in _Names(self, code).walk(statements):
            if isinstance(target, tuple):
                found.append(target)
            elif target in self.files:  # a module that is handed on
                found += [(target, name) for name in self.code(target).definitions]
        return found

    def resolve(self, module: str, name: str) -> Place | str:
        """Return where a module's name is defined, or the dotted name of what is not a place."""
        seen: set[tuple[str, str]] = set()
        while (module, name) not in seen:
            seen.add((module, name))
            inner = f"{module}.{name}"
            if module not in self.files:
                return inner
            code = self.code(module)
            if name in code.definitions:
                return module, name
            if name in code.imports:
                bound = code.imports[name]
                if not bound.name:
                    return bound.module
                module, name = bound.module, bound.name
            elif inner in self.files:
                return inner
            elif "__getattr__" in code.definitions and not name.startswith("__"):
                return module, "__getattr__"
            else:
                return inner
        return f"{module}.{name}"


class _Names:
    """Finds what the names in statements stand for."""

    def __init__(self, sources: Sources, code: Code) -> None:
        self._sources = sources
        self._code = code

    def walk(self, nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.AST, Place | str]]:
        """Yield names, and chains of attributes of modules, that do not belong to the code inside.

        Each comes with a place, or with a dotted name for what is not the package's.
        """
        for node in nodes:
            yield from self._walk(node, {}, frozenset())

    def target(self, node: ast.AST) -> Place | str | None:
        """Return what a name, or a chain of attributes, stands for at the top of the code."""
        return self._target(node, {}, frozenset())

    def _walk(
        self, node: ast.AST, imports: Mapping[str, _Import], local: frozenset[str]
    ) -> Iterator[tuple[ast.AST, Place | str]]:
        if isinstance(node, ast.Name | ast.Attribute):
            target = self._target(node, imports, local)
            if target is not None:
                yield node, target
                return
        inner_imports, inner_local = imports, local
        if isinstance(node, _SCOPES):
            inner_imports = {**imports, **_bound_imports(node, self._code.package)}
            inner_local = (local | _bound_names(node)) - inner_imports.keys()
        for child in _children(node):
            inner: ast.AST | None = child
            if isinstance(node, ast.ClassDef) and isinstance(child, ast.Assign | ast.AnnAssign):
                # A field of a class is none of the module's names, even where both are the same.
                inner = child.value
            if inner is None:
                continue
            # Decorators and defaults are of the scope outside, which only matters where a local
            # variable has the name of a module's.
            yield from self._walk(inner, inner_imports, inner_local)

    def _target(
        self, node: ast.AST, imports: Mapping[str, _Import], local: frozenset[str]
    ) -> Place | str | None:
        if isinstance(node, ast.Name):
            if node.id in imports:
                return self._bound(imports[node.id])
            if node.id in local:
                return None
            if node.id in self._code.definitions:
                return (self._code.module, node.id) if self._code.module else None
            if node.id in self._code.imports:
                return self._bound(self._code.imports[node.id])
            return None
        inner = node.value if isinstance(node, ast.Attribute) else None
        if not (isinstance(node, ast.Attribute) and isinstance(inner, ast.Name | ast.Attribute)):
            return None
        found = self._target(inner, imports, local)
        if isinstance(found, str):
            if found in self._sources.files:
                return self._sources.resolve(found, node.attr)
            return f"{found}.{node.attr}"
        return None

    def _bound(self, bound: _Import) -> Place | str:
        if not bound.name:
            return bound.module
        return self._sources.resolve(bound.module, bound.name)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node holds, without annotations, docstrings and imports."""
    left_out: set[str] = set()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        left_out = {"returns", "type_params"}
    elif isinstance(node, ast.arg | ast.AnnAssign):
        left_out = {"annotation"}
    for name, value in ast.iter_fields(node):
        if name in left_out:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _says_nothing(child):
                yield child


def _says_nothing(node: ast.AST) -> bool:
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text or isinstance(node, ast.Import | ast.ImportFrom | ast.expr_context)


def _is_written_to(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)


def _imported(node: ast.stmt, package: str) -> Iterator[tuple[str, _Import]]:
    if isinstance(node, ast.Import):
        for one in node.names:
            # `import a.b` binds `a`, and `import a.b as c` binds `c` to `a.b`.
            yield (
                one.asname or one.name.partition(".")[0],
                _Import(one.name if one.asname else one.name.partition(".")[0]),
            )
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        above = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
        module = ".".join(part for part in (above, node.module) if part)
        for one in node.names:
            yield one.asname or one.name, _Import(module, one.name)


def _bound_imports(scope: ast.AST, package: str) -> dict[str, _Import]:
    found: dict[str, _Import] = {}
    for node in _inside(scope):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= dict(_imported(node, package))
    return found


def _bound_names(scope: ast.AST) -> frozenset[str]:
    found: set[str] = set()
    for node in _inside(scope):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ExceptHandler | ast.FunctionDef | ast.ClassDef) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Global):
            return frozenset(found.difference(node.names))
    return frozenset(found)


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope, without those of the functions and classes in it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*_SCOPES, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def _digest(sources: Sources, code: Code, statements: Sequence[ast.stmt]) -> str:
    """Return a digest of statements in which names say what they stand for, not where it stands."""
    meant = {
        id(node): target[1] if isinstance(target, tuple) else target
        for node, target in _Names(sources, code).walk(statements)
    }
    text = json.dumps([_plain(one, meant) for one in statements], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(node: object, meant: Mapping[int, str]) -> object:
    """Return a syntax tree as lists and words, the same under all versions of Python."""
    if not isinstance(node, ast.AST):
        return f"{type(node).__name__} {node!r}"
    if id(node) in meant:
        return meant[id(node)]
    said: dict[str, object] = {}
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "ctx", "type_comment", "kind") or value is None:
            continue
        if isinstance(value, list):
            kept = [one for one in value if not (isinstance(one, ast.AST) and _says_nothing(one))]
            # Later versions have fields that earlier ones lack; where empty, they say nothing.
            if kept:
                said[name] = [_plain(one, meant) for one in kept]
        else:
            said[name] = _plain(value, meant)
    return [type(node).__name__, said]


@lru_cache(maxsize=4)
def _sources(folder: Path, _states: tuple[tuple[Path, int, int], ...]) -> Sources:
    return Sources(folder)
