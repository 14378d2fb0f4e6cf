"""The import hook of a child: no byte of an app is loaded before the gate has said yes.

Flower puts the app's folder on `sys.path` and imports the app. The hook stands first on
`sys.meta_path`; any path that was not there when the child was forked is an app, and the first
import that could reach it waits for the gate. After a yes, a module of the app is one of the files
that the gate has seen, by its name alone: whatever else lies in the folder, or on a package's path,
is not looked for. It runs as compiled, in this process or by the site before, from bytes with the
hash that the gate has seen, so a file changed after the verdict, or a planted `.pyc`, is never run.
The project's packages come from the app alone, `federation.gate` from the site, and every other
module from where libraries were before there was an app.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from flwr.clientapp.client_app import LoadClientAppError

import federation.gate
from federation.gate.fork_server.names import (
    PROJECT_NAMES,
    is_app_project_module,
    is_site_module,
    top_level_names,
)
from federation.gate.fork_server.verdict import Admission, GateRefused

log = logging.getLogger("assent.gate")

SITE_FOLDER = Path(federation.gate.__file__ or "").resolve().parent


class OriginError(ImportError):
    """A module would come, or came, from the wrong place. The message names both."""


class AppImporter(MetaPathFinder):
    """Finder that asks the gate once, then decides where each module comes from.

    Parameters
    ----------
    ask: asks the gate about a folder; returns the admission or raises `GateRefused`.
    library_path: `sys.path` before any app was on it.
    """

    def __init__(self, ask: Callable[[Path], Admission], library_path: list[str]) -> None:
        self._ask = ask
        self._library_path = library_path
        self._libraries = _LibraryFinder(library_path)
        self._admission: Admission | None = None
        self._refused = False
        self._app_names: frozenset[str] = frozenset()
        self._loading = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`; raises `LoadClientAppError` after a refusal."""
        if self._admission is None:
            return self._find_before_verdict(name, path, target)
        return self._find_after_admission(self._admission, name, path)

    def _find_before_verdict(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        added = [entry for entry in sys.path if entry not in self._library_path]
        if not added:
            return self._find_library(name)
        if threading.current_thread() is not threading.main_thread():
            # Flower's heartbeat thread needs a library while the main thread loads the app.
            self._find_library(name)
            return self._libraries.find_spec(name, path, target)
        if self._refused:
            self._forget_app_paths()
            return self._find_library(name)
        admission = self._admit(added)
        return self._find_after_admission(admission, name, path)

    def _find_library(self, name: str) -> ModuleSpec | None:
        if is_app_project_module(name):
            raise OriginError(
                f"{name} was imported before any app was admitted; in a site's child it comes "
                "from the approved app only",
                name=name,
            )
        return None

    def _admit(self, added: list[str]) -> Admission:
        try:
            if len(added) != 1:
                raise GateRefused("APP_FOLDER_UNSAFE", f"more than one app is on the path: {added}")
            admission = self._ask(Path(added[0]))
        except GateRefused as refusal:
            self._refused = True
            self._forget_app_paths()
            log.error("the app is not loaded: %s", refusal)
            # Flower replies a fixed text to this class of error and drops this message.
            raise LoadClientAppError(str(refusal)) from refusal
        self._admission = admission
        self._app_names = top_level_names(admission.file_hashes)
        sys.meta_path[sys.meta_path.index(PathFinder)] = self._libraries
        return admission

    def _forget_app_paths(self) -> None:
        sys.path[:] = [entry for entry in sys.path if entry in self._library_path]

    def _find_after_admission(
        self, admission: Admission, name: str, path: Sequence[str] | None
    ) -> ModuleSpec | None:
        if is_site_module(name):
            return _checked_site_spec(name, path)
        if not is_app_project_module(name) and name.partition(".")[0] not in self._app_names:
            return None
        spec = self._app_spec(admission, name)
        if spec is None:
            raise ModuleNotFoundError(
                f"the approved app holds no module {name}, and a site's child takes it from "
                "nowhere else",
                name=name,
            )
        return spec

    def _app_spec(self, admission: Admission, name: str) -> ModuleSpec | None:
        inner = name.replace(".", "/")
        folder = f"{admission.app_dir}/{inner}"
        if f"{inner}/__init__.py" in admission.file_hashes:
            relative, locations = f"{inner}/__init__.py", [folder]
        elif f"{inner}.py" in admission.file_hashes:
            relative, locations = f"{inner}.py", None
        else:
            return None
        file = f"{admission.app_dir}/{relative}"
        loader = _VerifiedLoader(name, file, admission, admission.file_hashes[relative], self)
        return spec_from_file_location(
            name, file, loader=loader, submodule_search_locations=locations
        )

    def begin_loading(self) -> bool:
        """Return whether this is the outermost module of the app."""
        outermost = not self._loading
        self._loading = True
        return outermost

    def end_loading(self) -> None:
        """Take back `begin_loading` of the outermost module."""
        self._loading = False


class _LibraryFinder(PathFinder):
    """Python's own finder, but for the app's folder, which Flower leaves on `sys.path`: what lies
    there beside the files that the gate has seen would be found under any name that is missing.
    """

    def __init__(self, library_path: list[str]) -> None:
        self._library_path = library_path

    def find_spec(  # type: ignore[override]
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        return PathFinder.find_spec(name, self._library_path if path is None else path, target)


class _VerifiedLoader(SourceFileLoader):
    """Runs source whose hash the gate has seen; knows no byte code but what the site has made of
    such source, and writes none.
    """

    def __init__(
        self, name: str, path: str, admission: Admission, source_hash: str, importer: AppImporter
    ) -> None:
        super().__init__(name, path)
        self._admission = admission
        self._source_hash = source_hash
        self._importer = importer

    def path_stats(self, path: str) -> dict[str, float]:
        """Asked before byte code is: its name in a cache says nothing, its source's hash does."""
        return {"mtime": 0}

    def set_data(self, path: str, data: Any, *, _mode: int = 0) -> None:
        """Nothing: what this process has compiled ends with it."""

    def get_data(self, path: str) -> bytes:
        if path != self.path:
            return self._byte_code()
        content = super().get_data(path)
        if hashlib.sha256(content).hexdigest() != self._source_hash:
            raise LoadClientAppError(f"APP_ALTERED: {path} changed after the gate admitted the app")
        return content

    def _byte_code(self) -> bytes:
        compiled = self._admission.compiled
        found = compiled.pyc(self._source_hash) if compiled is not None else None
        if found is None:
            raise OSError("the site has no byte code of this module")
        return found

    def exec_module(self, module: ModuleType) -> None:
        outermost = self._importer.begin_loading()
        try:
            super().exec_module(module)
            if outermost:
                check_origins(self._admission.app_dir)
        except LoadClientAppError:
            raise
        except Exception as error:
            if outermost:
                # Flower would send the text of any other error to the coordinator.
                raise LoadClientAppError("the app raised while it was loaded") from error
            raise
        finally:
            if outermost:
                self._importer.end_loading()


def check_origins(app_dir: Path) -> None:
    """Check where the project's packages came from that were loaded before there was a hook; the
    hook takes what is below them from the same place.

    Not a walk through all that is loaded: it would touch four thousand names, and so copy some ten
    megabytes of the fork server's memory into each message's process.

    Raises
    ------
    OriginError: a package of the project came from outside the app's folder, or `federation.gate`
        from outside the site's installation.
    """
    shared = list(vars(sys.modules["federation"]))
    for name in (*PROJECT_NAMES, *[f"federation.{inner}" for inner in shared]):
        module = sys.modules.get(name)
        if module is None:
            continue
        if is_site_module(name):
            _check_inside(name, getattr(module, "__file__", None), SITE_FOLDER)
        elif is_app_project_module(name):
            _check_inside(name, getattr(module, "__file__", None), app_dir)


def _checked_site_spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    spec = PathFinder.find_spec(name, path)
    if spec is not None:
        _check_inside(name, spec.origin, SITE_FOLDER)
    return spec


def _check_inside(name: str, origin: str | None, folder: Path) -> None:
    if origin is None or not origin.startswith(f"{folder}/") or "/../" in origin:
        raise OriginError(f"{name} comes from {origin}, not from {folder}", name=name)
