"""A child's import hook: the app waits for the gate, and only bytes the gate has seen run."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flwr.cli.install import install_from_fab

from bench.small_federation import write_app
from federation.gate.fork_server.compiled import CompiledApp, compile_app
from federation.gate.fork_server.fab import build_fab
from federation.gate.fork_server.launch import INSTALLATION

# What Flower does after the hook is in place; each case changes what the gate or the app does.
CHILD = """
import importlib, os, sys
from pathlib import Path
from flwr.clientapp.client_app import LoadClientAppError
from federation.gate.fork_server.fab import read_fab_folder
from federation.gate.fork_server.importer import AppImporter, check_origins
from federation.gate.fork_server.verdict import Admission, GateRefused

app_dir = Path(sys.argv[1])
asked = []

def ask(folder):
    asked.append(folder)
    fab = read_fab_folder(folder)
    return Admission(folder, fab.fab_hash, fab.file_hashes)

def then(change, ask=ask):  # asks, and changes the folder after the verdict
    def asked_and_changed(folder):
        admission = ask(folder)
        change(folder)
        return admission
    return asked_and_changed

sys.dont_write_bytecode = True
library_path = list(sys.path)

def load(ask=ask, module="probe_app.client"):
    sys.meta_path.insert(0, AppImporter(ask, library_path))
    sys.path.insert(0, str(app_dir))
    return importlib.import_module(module)
"""


def run_child(app_dir: Path, code: str, *others: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", CHILD + code, *map(str, (app_dir, *others))],
        env={"PYTHONPATH": str(INSTALLATION), "FLWR_TELEMETRY_ENABLED": "0", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def install(tmp_path: Path, client: str) -> Path:
    others = {"audit/__init__.py": "", "audit/part.py": "", "own.py": "VALUE = 7\n"}
    fab, _hash = build_fab(write_app(tmp_path / "probe", client, others))
    return install_from_fab(fab, tmp_path / "home", skip_prompt=True)


def test_the_gate_is_asked_once_about_the_folder_and_the_app_is_loaded_from_it(
    tmp_path: Path,
) -> None:
    app = install(tmp_path, "import audit.part, own, federation.app, federation.gate\n")
    output = run_child(
        app,
        "load(); check_origins(app_dir); print(asked == [app_dir], sys.modules['own'].VALUE)",
    )
    assert output == "True 7"


def test_libraries_are_imported_before_an_app_is_there_without_asking(tmp_path: Path) -> None:
    app = install(tmp_path, "")
    output = run_child(
        app,
        "sys.meta_path.insert(0, AppImporter(ask, library_path)); import colorsys; print(asked)",
    )
    assert output == "[]"


def test_a_project_module_before_any_app_is_never_taken_from_the_site(tmp_path: Path) -> None:
    app = install(tmp_path, "")
    output = run_child(
        app,
        "sys.meta_path.insert(0, AppImporter(ask, library_path))\n"
        "try: import audit\n"
        "except ImportError as error: print(error)\n",
    )
    assert "before any app was admitted" in output


def test_after_a_refusal_nothing_of_the_app_runs_and_libraries_still_can_be_imported(
    tmp_path: Path,
) -> None:
    app = install(tmp_path, "print('ran')")
    output = run_child(
        app,
        "def no(folder): raise GateRefused('NOT_APPROVED', 'not today')\n"
        "try: load(no)\n"
        "except LoadClientAppError as error: print(error)\n"
        "import colorsys\n"
        "print(str(app_dir) in sys.path)\n",
    )
    assert output.splitlines() == ["NOT_APPROVED: not today", "False"]


def test_a_file_changed_between_the_verdict_and_its_import_does_not_run(tmp_path: Path) -> None:
    app = install(tmp_path, "import audit.part\nimport own\n")
    output = run_child(
        app,
        "try: load(then(lambda folder: (folder / 'own.py').write_text('print(1)')))\n"
        "except LoadClientAppError as error: print(error)\n",
    )
    assert output.startswith("APP_ALTERED") and "own.py" in output


def test_byte_code_planted_after_the_verdict_is_not_run(tmp_path: Path) -> None:
    app = install(tmp_path, "import own\nprint(own.VALUE)\n")
    output = run_child(
        app,
        "import py_compile\n"
        "def plant(folder):\n"
        "    other = folder / 'other.txt'\n"
        "    other.write_text('VALUE = 8')\n"
        "    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH\n"
        "    py_compile.compile(str(other), importlib.util.cache_from_source(\n"
        "        str(folder / 'own.py')), invalidation_mode=mode)\n"
        "load(then(plant))\n",
    )
    assert output == "7"


COMPILED = """
from federation.gate.fork_server.compiled import CompiledApp, compile_app

def ask_compiled(folder):
    admission = ask(folder)
    memory = compile_app(Path(sys.argv[2]), admission.file_hashes)
    return Admission(folder, admission.fab_hash, admission.file_hashes, CompiledApp(memory))

def refuse_to_compile(*_):
    raise AssertionError("compiled again")
"""


def test_byte_code_that_the_site_has_made_runs_in_place_of_the_same_source(tmp_path: Path) -> None:
    """It was made in another site's folder: tracebacks still name the folder of this one."""
    app = install(tmp_path, "import own\nVALUE = own.VALUE\nclass App: pass\ndef f(): pass\n")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(app, elsewhere)
    output = run_child(
        app,
        COMPILED + "from importlib.machinery import SourceFileLoader\n"
        "SourceFileLoader.source_to_code = refuse_to_compile\n"
        "module = load(ask_compiled)\n"
        "print(module.VALUE, Path(module.f.__code__.co_filename).is_relative_to(app_dir))\n",
        elsewhere,
    )
    assert output == "7 True"


def test_byte_code_of_another_source_is_not_run(tmp_path: Path) -> None:
    app = install(tmp_path, "import own\nprint(own.VALUE)\n")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(app, elsewhere)
    (elsewhere / "own.py").write_text("VALUE = 8\n")
    assert run_child(app, COMPILED + "load(ask_compiled)\n", elsewhere) == "7"


def test_where_its_byte_code_is_there_a_file_changed_after_the_verdict_is_not_even_read(
    tmp_path: Path,
) -> None:
    app = install(tmp_path, "import own\nprint(own.VALUE)\n")
    output = run_child(
        app,
        COMPILED + "def change(folder): (folder / 'own.py').write_text('print(1)')\n"
        "load(then(change, ask_compiled))\n",
        app,
    )
    assert output == "7"


def test_a_file_that_the_gate_has_not_seen_is_no_module(tmp_path: Path) -> None:
    app = install(tmp_path, "try: import audit.late\nexcept ImportError as error: print(error)\n")
    output = run_child(
        app,
        "load(then(lambda folder: (folder / 'audit' / 'late.py').write_text('print(1)')))\n",
    )
    assert "holds no module audit.late" in output


@pytest.mark.parametrize("name", ["optional", "turtledemo"])
def test_a_file_planted_under_a_missing_or_a_librarys_name_does_not_run(
    tmp_path: Path, name: str
) -> None:
    """Flower leaves the app's folder first on `sys.path`, for as long as the process lives."""
    app = install(tmp_path, f"import own\ntry: import {name}\nexcept ImportError: pass\n")
    output = run_child(
        app,
        "import importlib.metadata\n"
        f"load(then(lambda folder: (folder / '{name}.py').write_text('print(1)')))\n"
        "print(importlib.util.find_spec('optional'), importlib.metadata.version('flwr') != '')\n",
    )
    assert output == "None True"


def test_what_an_app_puts_on_a_packages_path_is_not_looked_at(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "part.py").write_text("print(1)\n")
    app = install(
        tmp_path,
        f"import audit\naudit.__path__.insert(0, {str(elsewhere)!r})\n"
        "import audit.part\nprint(audit.part.__file__)\n",
    )
    assert run_child(app, "load()") == str(app / "audit" / "part.py")


def test_byte_code_lies_in_memory_that_nobody_can_write(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("VALUE = 7\n")
    digest = hashlib.sha256(b"VALUE = 7\n").hexdigest()
    memory = compile_app(tmp_path, {"own.py": digest, "gone.py": "0" * 64, "text.md": "1" * 64})
    try:
        with pytest.raises(PermissionError):
            os.pwrite(memory, b"\0", 0)
        with pytest.raises(PermissionError):
            os.truncate(memory, 0)
    finally:
        compiled = CompiledApp(memory)
    assert compiled.pyc(digest) is not None
    assert compiled.pyc("0" * 64) is None
    open_to_all = os.memfd_create("assent-test", os.MFD_CLOEXEC)
    os.write(open_to_all, b"\0" * 64)
    with pytest.raises(ValueError, match="can be written"):
        CompiledApp(open_to_all)


def test_an_apps_own_error_at_load_reaches_flower_as_a_fixed_class(tmp_path: Path) -> None:
    app = install(tmp_path, "raise ValueError('patient 12')")
    output = run_child(
        app, "try: load()\nexcept LoadClientAppError as error: print('patient' in str(error))\n"
    )
    assert output == "False"


@pytest.mark.parametrize("missing", ["chain", "twin", "audit.absent", "federation.absent"])
def test_a_project_module_that_the_app_does_not_ship_is_taken_from_nowhere(
    tmp_path: Path, missing: str
) -> None:
    app = install(tmp_path, f"try: import {missing}\nexcept ImportError as e: print(e)\n")
    assert "takes it from nowhere else" in run_child(app, "load()")


def test_a_project_module_already_loaded_from_elsewhere_stops_the_app(tmp_path: Path) -> None:
    app = install(tmp_path, "")
    output = run_child(
        app,
        "import audit\ntry: load()\nexcept LoadClientAppError as error: print(error.__cause__)\n",
    )
    assert output.startswith("audit comes from ")
