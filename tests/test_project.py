"""The files around the package say the same thing as the package."""

import doctest
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import gradcu


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def blocks(markdown: str, language: str) -> list[str]:
    """The fenced code blocks in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", markdown, flags=re.MULTILINE | re.DOTALL)


def test_readme_has_exactly_two_set_up_commands(readme: str):
    main_job, tests = blocks(readme, "sh")
    for command in (main_job, tests):
        assert command.count("\n") == 1, "a set-up command is one line"
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert '.venv/bin/gradcu sweep "x**3 - 3*x**2 + 4"' in main_job
    assert "--plot sweep.png" in main_job
    assert tests.endswith(".venv/bin/python -m pytest\n")


def test_readme_commands_name_existing_extras(readme: str, project: dict[str, Any]):
    extras = project["project"]["optional-dependencies"]
    named = re.findall(r'"(?:\.|gradcu)\[(\w+)\]"', readme)
    assert named
    assert set(named) <= set(extras)


def test_readme_example_is_true(readme: str):
    (example,) = blocks(readme, "python")
    parsed = doctest.DocTestParser().get_doctest(example, {}, "README.md", "README.md", 0)
    report: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(parsed, out=report.append)
    assert results.attempted >= 8
    assert results.failed == 0, "".join(report)


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "benchmarks/README.md"]
)
def test_links_between_documents_lead_somewhere(root: Path, name: str):
    document = root / name
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


def test_version_is_a_literal_that_heads_the_changelog(root: Path, project: dict[str, Any]):
    source = (root / project["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    literals = re.findall(r'^__version__ = "([^"]+)"$', source, flags=re.MULTILINE)
    headings = re.findall(r"^## \[([^]]+)\]", (root / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert literals == [gradcu.__version__]
    assert headings[0] == gradcu.__version__


def test_numpy_is_the_only_dependency(project: dict[str, Any]):
    assert project["project"]["dependencies"] == ["numpy>=2"]


def test_cuda_extras_exclude_each_other_and_are_in_no_other_extra(project: dict[str, Any]):
    extras = project["project"]["optional-dependencies"]
    for name, requirements in extras.items():
        if name not in ("cuda12", "cuda13"):
            assert not [text for text in requirements if "cupy" in text or "gradcu[cuda" in text]


def test_wheel_carries_the_kernels_inside_the_package(root: Path, project: dict[str, Any]):
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["sources"] == {"kernels": "gradcu/_kernels"}
    for folder in wheel["only-include"]:
        assert any((root / folder).iterdir()), f"{folder}/ is empty"
    assert not (root / "gradcu" / "_kernels").exists(), "a second copy of the kernels"


def test_package_says_that_it_is_typed(root: Path):
    assert (root / "gradcu" / "py.typed").is_file()
