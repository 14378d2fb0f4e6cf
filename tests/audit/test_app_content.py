"""A Flower App Bundle as Flower itself builds it passes; one that disagrees with itself does
not.
"""

from __future__ import annotations

import io
import zipfile

from flwr.cli.build import build_fab_from_files

from audit.bundle import Bundle
from audit.checks.context import Context
from audit.checks.documents import check_app
from audit.manifest import Contracts
from chain.origin import Origin

PROJECT = b"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "sample"
version = "1.0.0"
description = ""
license = "Apache-2.0"
dependencies = ["flwr>=1.0"]

[tool.flwr.app]
publisher = "sample"

[tool.flwr.app.components]
serverapp = "sample.server:app"
clientapp = "sample.client:app"
"""


def context() -> Context:
    address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    contracts, origin = Contracts(1, address, address, address), Origin(address, address)
    return Context(Bundle(contracts, origin, 1, 1, bytes(32), {}, {}, {}, ""))


def flower_bundle() -> bytes:
    source = b"app = None\n"
    files = {"pyproject.toml": PROJECT, "sample/server.py": source, "sample/client.py": source}
    return build_fab_from_files(files)[0]


def test_flowers_own_bundle_passes() -> None:
    here = context()
    check_app(here, "app.fab", flower_bundle())
    assert [check.ok for check in here.record.checks] == [True]


def test_a_bundle_with_a_changed_file_or_one_more_is_named() -> None:
    for name, data in (("sample/client.py", b"app = 1\n"), ("sample/extra.py", b"")):
        source = zipfile.ZipFile(io.BytesIO(flower_bundle()))
        content = {entry: source.read(entry) for entry in source.namelist()} | {name: data}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as fab:
            for entry, value in content.items():
                fab.writestr(entry, value)
        here = context()
        check_app(here, "app.fab", buffer.getvalue())
        (check,) = here.record.checks
        assert not check.ok
        assert name in check.detail
