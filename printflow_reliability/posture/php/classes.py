"""Every class of a checkout by its full name, and what it inherits: parents, interfaces and traits, `use` resolved.

PHP knows class names without regard to case. A class that is not in the checkout is not known; of the framework's own
it is known that they set nothing of a job.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from printflow_reliability.posture.php.syntax import NAMES, arguments, child, line, parse, text, walk

DECLARATIONS = (
    "class_declaration",
    "trait_declaration",
    "interface_declaration",
    "enum_declaration",
    "anonymous_class",
)
FRAMEWORK = "illuminate\\"


@dataclass(frozen=True)
class Property:
    """A property of a class: its default value, None where it has none; `public` for objects of the class."""

    node: Node
    default: Node | None
    public: bool
    promoted: bool = False


@dataclass(frozen=True)
class PhpClass:
    """A class, trait, interface or enum as its file declares it; names are full and without a leading backslash."""

    name: str
    path: str
    node: Node
    parent: str
    interfaces: tuple[str, ...]
    traits: tuple[str, ...]
    attributes: Mapping[str, tuple[Node, ...]]
    properties: Mapping[str, Property]
    assigned: Mapping[str, Node]
    methods: Mapping[str, Node]
    constants: Mapping[str, Node]
    imports: "Imports"

    @property
    def line(self) -> int:
        """The line of its declaration."""
        return line(self.node)

    @property
    def concrete(self) -> bool:
        """Whether there can be objects of it."""
        kind = self.node.type in ("class_declaration", "anonymous_class")
        return kind and child(self.node, "abstract_modifier") is None


@dataclass
class Imports:
    """The namespace of a file and what its `use` statements make of a name."""

    namespace: str = ""
    names: dict[str, str] = field(default_factory=dict)

    def full(self, written: str) -> str:
        """The full name of a class as it is written in this file."""
        if written.startswith("\\"):
            return written[1:]
        first, _, rest = written.partition("\\")
        if first.lower() == "namespace":
            return f"{self.namespace}\\{rest}".lstrip("\\")
        if imported := self.names.get(first.lower()):
            return f"{imported}\\{rest}" if rest else imported
        return f"{self.namespace}\\{written}".lstrip("\\")


@dataclass(frozen=True)
class Lineage:
    """A class with all that it inherits that the checkout has, nearest first: itself, its traits, its parent, ...

    Attributes:
        classes: these, in the order in which PHP looks for a member.
        interfaces: every interface, by its full name in lower case.
        unseen: classes and traits that are neither in the checkout nor the framework's own.
    """

    classes: tuple[PhpClass, ...]
    interfaces: frozenset[str]
    unseen: tuple[str, ...]


class ClassIndex:
    """The classes of many files by name; `broken` are the paths of files that do not parse."""

    def __init__(self) -> None:
        self._classes: dict[str, PhpClass] = {}
        self.broken: list[str] = []

    def __iter__(self) -> Iterator[PhpClass]:
        return iter(self._classes.values())

    def add(self, path: str, content: bytes) -> Node:
        """Take in a file and return its tree; one that does not parse adds no class."""
        tree = parse(content)
        if tree.has_error:
            self.broken.append(path)
            return tree
        for declared in classes_of(path, tree):
            self._classes.setdefault(declared.name.lower(), declared)
        return tree

    def find(self, name: str) -> PhpClass | None:
        """The class of that full name."""
        return self._classes.get(name.lower())

    def lineage(self, declared: PhpClass) -> Lineage:
        """What a class inherits; circles end where they began."""
        order: list[PhpClass] = []
        interfaces: set[str] = set()
        unseen: list[str] = []
        seen: set[str] = set()

        def take(current: PhpClass) -> None:
            seen.add(current.name.lower())
            order.append(current)
            for name in (*current.traits, *((current.parent,) if current.parent else ())):
                reach(name)
            for name in current.interfaces:
                interfaces.add(name.lower())
                known = self.find(name)
                if known is not None and known.name.lower() not in seen:
                    seen.add(known.name.lower())
                    interfaces.update(above.lower() for above in self._interfaces_above(known))

        def reach(name: str) -> None:
            known = self.find(name)
            if known is None:
                if not name.lower().startswith(FRAMEWORK):
                    unseen.append(name)
            elif known.name.lower() not in seen and len(order) < 100:
                take(known)

        take(declared)
        return Lineage(tuple(order), frozenset(interfaces), tuple(unseen))

    def _interfaces_above(self, declared: PhpClass) -> Iterator[str]:
        waiting, seen = list(declared.interfaces), set[str]()
        while waiting:
            name = waiting.pop()
            if name.lower() in seen:
                continue
            seen.add(name.lower())
            yield name
            if known := self.find(name):
                waiting.extend(known.interfaces)


def classes_of(path: str, tree: Node) -> Iterator[PhpClass]:
    """The classes that a file declares, each by the namespace and imports that hold where it stands."""
    imports = Imports()
    for node in walk(tree, "namespace_definition", "namespace_use_declaration", *DECLARATIONS):
        if node.type == "namespace_definition":
            imports = Imports(text(node.child_by_field_name("name")))
        elif node.type == "namespace_use_declaration":
            _import(node, imports)
        else:
            yield _declared(path, node, imports)


def _import(node: Node, imports: Imports) -> None:
    if child(node, "function", "const") is not None:
        return
    prefix = text(child(node, "namespace_name"))
    for clause in walk(node, "namespace_use_clause"):
        if child(clause, "function", "const") is not None:
            continue
        names = [part for part in clause.children if part.type in (*NAMES, "namespace_name")]
        if not names:
            continue
        full = text(names[0]).lstrip("\\")
        full = f"{prefix}\\{full}" if prefix else full
        alias = clause.child_by_field_name("alias")
        short = text(alias) if alias is not None else full.rpartition("\\")[2]
        imports.names[short.lower()] = full


def _declared(path: str, node: Node, imports: Imports) -> PhpClass:
    body = node.child_by_field_name("body") or child(node, "declaration_list", "enum_declaration_list")
    name = text(node.child_by_field_name("name"))
    full = imports.full(name) if name else f"class@anonymous in {path}:{line(node)}"
    members = body.named_children if body is not None else []
    extended = _names(child(node, "base_clause"), imports)
    implemented = _names(child(node, "class_interface_clause"), imports)
    interface = node.type == "interface_declaration"
    methods = {
        text(member.child_by_field_name("name")).lower(): member
        for member in members
        if member.type == "method_declaration"
    }
    constructor = methods.get("__construct")
    return PhpClass(
        name=full,
        path=path,
        node=node,
        parent="" if interface or not extended else extended[0],
        interfaces=tuple(extended if interface else implemented),
        traits=tuple(
            trait for member in members if member.type == "use_declaration" for trait in _names(member, imports)
        ),
        attributes=_attributes(node, imports),
        properties=dict(_properties(members, constructor)),
        assigned=dict(_assigned(constructor)),
        methods=methods,
        constants=dict(_constants(members)),
        imports=imports,
    )


def _names(clause: Node | None, imports: Imports) -> list[str]:
    return [imports.full(text(part)) for part in clause.children if part.type in NAMES] if clause is not None else []


def _attributes(node: Node, imports: Imports) -> dict[str, tuple[Node, ...]]:
    listed = child(node, "attribute_list")
    found = walk(listed, "attribute") if listed is not None else ()
    return {imports.full(text(child(attribute, *NAMES))).lower(): tuple(arguments(attribute)) for attribute in found}


def _properties(members: Iterable[Node], constructor: Node | None) -> Iterator[tuple[str, Property]]:
    for member in members:
        if member.type != "property_declaration" or child(member, "static_modifier") is not None:
            continue
        for element in walk(member, "property_element"):
            name = text(child(element, "variable_name")).removeprefix("$")
            values = [part for part in element.named_children if part.type not in ("variable_name", "comment")]
            yield name, Property(element, values[0] if values else None, _is_public(member))
    parameters = constructor.child_by_field_name("parameters") if constructor is not None else None
    for parameter in parameters.named_children if parameters is not None else ():
        if parameter.type == "property_promotion_parameter":
            name = text(child(parameter, "variable_name", "by_ref")).lstrip("&$")
            default = parameter.child_by_field_name("default_value")
            yield name, Property(parameter, default, _is_public(parameter), promoted=True)


def _is_public(node: Node) -> bool:
    visibility = child(node, "visibility_modifier")
    return visibility is None or text(visibility).lower().startswith("public")


def _assigned(constructor: Node | None) -> Iterator[tuple[str, Node]]:
    """What the constructor sets without a condition; what it sets under one is not known, and is the assignment."""
    body = constructor.child_by_field_name("body") if constructor is not None else None
    for assignment in walk(body, "assignment_expression") if body is not None else ():
        left, right = assignment.child_by_field_name("left"), assignment.child_by_field_name("right")
        if left is None or right is None or left.type != "member_access_expression":
            continue
        if text(left.child_by_field_name("object")) == "$this":
            statement = assignment.parent
            plain = statement is not None and statement.type == "expression_statement" and statement.parent == body
            yield text(left.child_by_field_name("name")), right if plain else assignment


def _constants(members: Iterable[Node]) -> Iterator[tuple[str, Node]]:
    for member in members:
        for element in member.named_children if member.type == "const_declaration" else ():
            if element.type == "const_element" and len(element.named_children) > 1:
                yield text(element.named_children[0]), element.named_children[-1]
