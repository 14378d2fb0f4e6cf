"""Which top-level names belong to whom: the project, the site, or third parties."""

import sys
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, PathFinder
from pathlib import PurePosixPath

PROJECT_NAMES = frozenset(
    {"api", "audit", "bench", "chain", "federation", "ipfs", "scripts", "stack", "study", "twin"}
)
"""Packages that a child takes from the approved app alone, whatever else is installed."""

SITE_PACKAGE = "federation.gate"
"""The one package that a child takes from the site's installation, never from the app."""


def is_site_module(name: str) -> bool:
    """Whether the module belongs to the site's installation."""
    return name == SITE_PACKAGE or name.startswith(SITE_PACKAGE + ".")


def is_app_project_module(name: str) -> bool:
    """Whether the module is the project's and has to come from the app's folder."""
    # asked of thousands of loaded modules before a fork, nearly all of them libraries'
    if name.partition(".")[0] not in PROJECT_NAMES:
        return False
    return name != "federation" and not is_site_module(name)


def top_level_names(files: dict[str, str]) -> frozenset[str]:
    """Return the top-level module names that a FAB's files (POSIX paths) would add."""
    names = set()
    for file in files:
        path = PurePosixPath(file)
        if path.suffix == ".py":
            names.add(path.parts[0] if len(path.parts) > 1 else path.stem)
    return frozenset(names)


def why_names_refused(files: dict[str, str], library_path: list[str]) -> tuple[str, str] | None:
    """Say why an app with these files may not be loaded beside the site's installation.

    Parameters
    ----------
    files: the FAB's files, by POSIX path.
    library_path: the `sys.path` of the fork server, before any app was on it.

    Returns
    -------
    (code, reason), or None when the names collide with nothing.
    """
    compiled = (*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES, ".so", ".pyd", ".dll", ".dylib", ".pth")
    for file in files:
        if file.endswith(compiled):
            return "APP_NOT_SOURCE", f"the app ships {file}: only Python source can be reviewed"
        parts = PurePosixPath(file).parts
        in_namespace = parts[0] == "federation" and len(parts) > 2
        if parts[0].partition(".")[0] == "federation" and (not in_namespace or parts[1] == "gate"):
            return "APP_TOUCHES_GATE", f"the app ships {file}, which would replace the site's gate"
    for name in sorted(top_level_names(files) - PROJECT_NAMES):
        if (
            name in sys.stdlib_module_names
            or name in sys.modules
            or PathFinder.find_spec(name, library_path) is not None
        ):
            return (
                "APP_SHADOWS_LIBRARY",
                f"the app ships {name}, a name that a library installed at the site already has",
            )
    return None
