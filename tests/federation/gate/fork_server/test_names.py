"""What an app may ship beside a site's libraries and its gate."""

import sys

import pytest

from federation.app.package import PARTS
from federation.gate.fork_server.names import (
    PROJECT_NAMES,
    is_app_project_module,
    is_site_module,
    top_level_names,
    why_names_refused,
)


def test_an_app_of_project_packages_and_its_own_names_is_fine() -> None:
    files = ["pyproject.toml", "audit/sum.py", "federation/app/client.py", "my_study/a.py"]
    assert why_names_refused(dict.fromkeys(files, ""), sys.path) is None


def test_every_part_of_the_app_is_of_the_project() -> None:
    assert {part.partition("/")[0] for part in PARTS} <= PROJECT_NAMES


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("torch/__init__.py", "APP_SHADOWS_LIBRARY"),
        ("numpy.py", "APP_SHADOWS_LIBRARY"),
        ("json/x.py", "APP_SHADOWS_LIBRARY"),
        ("requests/deep/x.py", "APP_SHADOWS_LIBRARY"),  # installed, not imported
        ("federation/gate/gate.py", "APP_TOUCHES_GATE"),
        ("federation/gate.py", "APP_TOUCHES_GATE"),
        ("federation/__init__.py", "APP_TOUCHES_GATE"),
        ("federation.py", "APP_TOUCHES_GATE"),
        ("audit/fast.so", "APP_NOT_SOURCE"),
        ("audit/sum.pyc", "APP_NOT_SOURCE"),
    ],
)
def test_a_name_that_is_anothers_is_refused_with_its_code(file: str, code: str) -> None:
    refusal = why_names_refused({"pyproject.toml": "", file: ""}, sys.path)
    assert refusal is not None
    assert refusal[0] == code
    assert file.split("/")[0].removesuffix(".py") in refusal[1]


def test_only_files_of_python_source_make_names() -> None:
    assert top_level_names({"docs/a.md": "", "a/b/c.py": "", "d.py": ""}) == {"a", "d"}


def test_each_module_belongs_to_one_side() -> None:
    assert is_site_module("federation.gate.keys")
    assert not is_site_module("federation.gateway")
    assert is_app_project_module("federation.gateway")
    assert is_app_project_module("audit.sum")
    assert not is_app_project_module("federation.gate")
    assert not is_app_project_module("federation")
    assert not is_app_project_module("numpy")
