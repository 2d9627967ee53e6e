"""What the documentation names exists: files, modules, commands with their options, messages."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
TROUBLESHOOTING = REPOSITORY / "docs" / "troubleshooting.md"
PAGES = sorted(
    [
        *(REPOSITORY / "docs").glob("*.md"),
        *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "MODEL_CHANGELOG.md")),
        *(REPOSITORY / name / "README.md" for name in ("training", "sample_scenes")),
    ]
)
ROOTS = (
    *("l4s_geo", "training", "qgis_plugin", "tests", "docs", "benchmarks", "examples", "scripts", "sample_scenes"),
    *("pyproject.toml", "mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "MODEL_CHANGELOG.md", "LICENSE"),
)
"""What lies in the repository's root."""
PACKAGES = {"l4s_geo": REPOSITORY / "l4s_geo", "l4s_training": REPOSITORY / "training" / "l4s_training"}
SOURCES = (*PACKAGES.values(), REPOSITORY / "qgis_plugin" / "l4s_landslides")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


@cache
def code(page: Path) -> tuple[str, ...]:
    """The code of a page, line by line: spans, fenced blocks, indented blocks; continued lines are joined."""
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    indented = re.findall(r"(?:(?<=\n\n)|(?<=^))(?: {4}.*\n)+", text)
    for block in indented:
        text = text.replace(block, "\n")
    spans = [" ".join(span.split()) for _, span in re.findall(r"(`+)(.+?)\1", text, re.S)]
    blocks = "\n".join([*fences, *indented]).replace("\\\n", " ")
    return (*spans, *(line.strip() for line in blocks.splitlines() if line.strip()))


def words(page: Path) -> Iterator[str]:
    for line in code(page):
        yield from (word.strip("()'\",;:") for word in line.split())


@each_page
def test_files_exist(page):
    missing = []
    for word in words(page):
        parts = word.rstrip("/").split("/")
        if parts[0] not in ROOTS:
            # Paths of the project are written from its root on, so that they can be checked.
            if len(parts) > 1 and word.endswith((".py", ".yaml", ".qml")) and "://" not in word:
                missing.append(word)
            continue
        known = [part for part in parts if not part.isupper() or part == parts[0]]  # NAME stands for any
        if not list(REPOSITORY.glob("/".join(known))):
            missing.append(word)
    assert not missing


@each_page
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
    generated = tuple(f"api/{name}" for name in PACKAGES)
    broken = [
        target
        for target in targets
        if not re.match(r"[a-z]+:", target)
        if not (page.parent / target).exists()
        if not target.startswith(generated)
    ]
    assert not broken


@each_page
def test_no_page_holds_a_place_for_what_is_to_come(page):
    assert not re.findall(r"^(?:[A-Z]+_[A-Z_]+|TODO.*|TBD)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_paths_in_the_picture_exist():
    drawn = re.findall(r"(?:l4s_geo|training|qgis_plugin)/[\w./]+", (REPOSITORY / "docs/architecture.svg").read_text())
    assert len(drawn) > 8
    assert not [path for path in drawn if not (REPOSITORY / path).exists()]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def names_of(node: ast.Module | ast.ClassDef) -> dict[str, ast.AST]:
    """What a module or a class defines or imports, by name."""
    found: dict[str, ast.AST] = {}
    for child in node.body:
        inside = [child, *(ast.walk(child) if isinstance(child, ast.If) else ())]
        for part in inside:
            if isinstance(part, ast.ClassDef | ast.FunctionDef):
                found[part.name] = part
            elif isinstance(part, ast.Assign | ast.AnnAssign):
                targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                found |= {target.id: part for target in targets if isinstance(target, ast.Name)}
            elif isinstance(part, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name: part for alias in part.names}
    return found


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    package, *parts = name.split(".")
    path = PACKAGES[package]
    while parts and ((path / parts[0]).is_dir() or (path / f"{parts[0]}.py").is_file()):
        path = path / parts.pop(0) if (path / parts[0]).is_dir() else path / f"{parts.pop(0)}.py"
    if not parts:
        return True
    path = path / "__init__.py" if path.is_dir() else path
    if not path.is_file():
        return False
    node: ast.AST = tree(path)
    for part in parts:
        if not isinstance(node, ast.Module | ast.ClassDef) or part not in names_of(node):
            return False
        node = names_of(node)[part]
    return True


@each_page
def test_names_of_modules_exist(page):
    named = {n for line in code(page) for n in re.findall(r"\bl4s_(?:geo|training)(?:\.[A-Za-z_]\w*)+", line)}
    files = {name for name in named if re.search(r"\.(py|yaml|md)$", name)}
    assert not {name for name in named - files if not exists(name)}


def test_a_name_that_does_not_exist_is_noticed():
    assert exists("l4s_geo.map_scene")
    assert exists("l4s_geo.sources.scene.Scene.notes")
    assert exists("l4s_training.models")
    assert not exists("l4s_geo.sources.scene.Scene.remarks")
    assert not exists("l4s_geo.sources.nowhere")


@cache
def programs() -> dict[str, click.Command]:
    from l4s_geo.cli.main import main as l4s
    from l4s_geo.cli.map import main as l4s_map
    from l4s_training.cli import main as l4s_train

    return {"l4s": l4s, "l4s-map": l4s_map, "l4s-train": l4s_train}


def options_of(command: click.Command) -> set[str]:
    with click.Context(command) as context:
        return {o for p in command.get_params(context) for o in (*p.opts, *p.secondary_opts) if o.startswith("-")}


def mistakes(line: str) -> Iterator[str]:
    """What is wrong with the commands of a line of code."""
    for part in re.split(r"&&|\||;|\$\(|#", re.sub(r"\b(\w+)\|\w+(\|\w+)*", r"\1", line)):
        try:
            tokens = shlex.split(part)
        except ValueError:
            tokens = part.split()
        tokens = [token.removeprefix(".venv/bin/") for token in tokens]
        if tokens and tokens[0] in programs():
            yield from command_mistakes(programs()[tokens[0]], tokens)
        elif tokens[:1] in (["python"], ["python3"]) and len(tokens) > 1 and tokens[1].endswith(".py"):
            script = REPOSITORY / tokens[1]
            text = script.read_text(encoding="utf-8") if script.is_file() else ""
            yield from (f"{tokens[1]}: {t}" for t in tokens[2:] if t.startswith("--") and f'"{t}"' not in text)


def command_mistakes(command: click.Command, tokens: list[str]) -> Iterator[str]:
    rest = tokens[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        with click.Context(command) as context:
            found = command.get_command(context, name)
        if found is None:
            yield f"{tokens[0]} has no command {name}"
            return
        command = found
    used = {re.split(r"[=\[]", token)[0] for token in rest if re.match(r"--?[a-z]", token)}
    yield from (f"{' '.join(tokens[:2])} has no option {option}" for option in sorted(used - options_of(command)))


@each_page
def test_commands_have_the_options_that_are_named(page):
    assert not [mistake for line in code(page) for mistake in mistakes(line)]


@each_page
def test_options_named_alone_are_those_of_some_command_or_script_of_the_page(page):
    known: set[str] = set()
    todo = list(programs().values())
    while todo:
        command = todo.pop()
        known |= options_of(command)
        if isinstance(command, click.Group):
            with click.Context(command) as context:
                todo += [c for name in command.list_commands(context) if (c := command.get_command(context, name))]
    for script in {REPOSITORY / word for word in words(page) if word.endswith(".py")}:
        known |= set(re.findall(r'"(--[a-z-]+)"', script.read_text(encoding="utf-8"))) if script.is_file() else set()
    alone = {re.split(r"[ =]", line)[0] for line in code(page) if line.startswith("--")}
    assert not alone - known


def test_a_wrong_command_is_noticed():
    assert list(mistakes("l4s-map scene.tif --dem dem.tif --out inventory.gpkg")) == []
    assert list(mistakes("cd x && .venv/bin/l4s-map scene.tif --dme dem.tif")) == [
        "l4s-map scene.tif has no option --dme"
    ]
    assert list(mistakes("l4s maps scene.tif")) == ["l4s has no command maps"]
    assert list(mistakes("l4s bundles ad mine")) == ["l4s has no command ad"]
    assert list(mistakes("l4s-train fit --data D --networks N")) == ["l4s-train fit has no option --networks"]
    assert list(mistakes("python benchmarks/bench_map.py --size 1")) == ["benchmarks/bench_map.py: --size"]


def template(node: ast.AST) -> str:
    """The text of a literal, with … for what is put into it."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{[^{}]*\}", "…", node.value)
    if isinstance(node, ast.BinOp):
        return template(node.left) + template(node.right)
    return "…"


@cache
def texts() -> tuple[str, ...]:
    """Every text of the sources that a user might read."""
    paths = [path for root in SOURCES for path in sorted(root.rglob("*.py"))]
    return tuple(text for path in paths for node in ast.walk(tree(path)) if len(text := template(node)) > 9)


@cache
def quotes() -> dict[str, re.Pattern[str]]:
    """The messages that the page explains, and what they match: … stands for anything."""
    found = {}
    for table in re.findall(
        r"^\| message \|.*\n\| ---.*\n((?:\|.*\n)+)", TROUBLESHOOTING.read_text(encoding="utf-8"), re.M
    ):
        for row in table.splitlines():
            for quote in row.split(" | ")[0].strip("| ").split("<br>"):
                found[quote.strip()] = re.compile(".*?".join(map(re.escape, quote.strip().split("…"))), re.S)
    return found


def test_the_messages_explained_are_those_of_the_sources():
    assert len(quotes()) > 250
    assert not [quote for quote, pattern in quotes().items() if not any(map(pattern.match, texts()))]


def test_every_message_of_the_engine_is_explained():
    # A text for which a test fails here wants a row in docs/troubleshooting.md.
    # "… is …; expected …" would explain anything.
    common = re.compile(r"\b(is|are|has|expected)\b|\W")
    telling = [pattern for quote, pattern in quotes().items() if len(common.sub("", quote)) > 7]
    errors = {c.name for c in tree(PACKAGES["l4s_geo"] / "errors.py").body if isinstance(c, ast.ClassDef)}
    unexplained = []
    for path in sorted(PACKAGES["l4s_geo"].rglob("*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {*errors, "error"}:
                text = template(node.args[0])
                if re.search(r"\w{3}", text) and not any(pattern.match(text) for pattern in telling):
                    unexplained.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}: {text}")
    assert not unexplained


def test_every_class_of_error_is_explained():
    text = TROUBLESHOOTING.read_text(encoding="utf-8")
    names = [c.name for c in tree(PACKAGES["l4s_geo"] / "errors.py").body if isinstance(c, ast.ClassDef)]
    assert len(names) > 6
    assert not [name for name in names if name not in text]
