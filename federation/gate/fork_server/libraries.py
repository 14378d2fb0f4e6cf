"""Imports, once and for all children, the libraries that approved apps use."""

import gc
import importlib
import importlib.metadata
import os
import sys

from federation.gate.fork_server.linux import thread_count
from federation.gate.fork_server.names import is_app_project_module
from federation.gate.installed_library import COMPUTING_LIBRARIES, installed_library

FLWR_VERSION = "1.41.0"

LIBRARIES = (
    "sqlite3",
    "uuid",
    "numpy",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.stats",
    "torch",
    "torch.func",
    "opacus",
    "opacus.accountants",
    "web3",
    "eth_account",
    "eth_abi",
    "eth_keys",
    "coincurve",
    "eth_hash.auto",
    "eth_hash.backends.pycryptodome",
    "httpcore",  # flwr's client brings it in when it connects, and with it trio
    "ipfshttpclient",
    "multiaddr.codecs.domain",
    "multiaddr.codecs.ip4",
    "multiaddr.codecs.uint16be",
    "encodings.cp437",  # names in an app bundle, which is a zip archive
    "ucumvert",
    "xml.etree.ElementTree",
    "rfc8785",
    "safetensors.numpy",
    "safetensors.torch",
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.asymmetric.x25519",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.kdf.hkdf",
    "flwr.app",
    "flwr.clientapp",
    "flwr.supernode.cli",
    "flwr.supernode.runtime.run_clientapp",
)

SITE_MODULES = (
    "federation.gate.charges",
    "federation.gate.journal_schema",
    "federation.gate.private_database",
    "federation.gate.record_register",
    "federation.gate.record_tally",
    "federation.gate.records.codes",
    "federation.gate.records.rejections",
    "federation.gate.records.report",
    "federation.gate.records.store_schema",
    "federation.gate.records.store_writer",
    "federation.gate.records.times",
    "federation.gate.records.units",
)
"""The site's own modules that a message needs and that import no other room: a child would take
them from the same installation."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
NO_TELEMETRY = {"FLWR_TELEMETRY_ENABLED": "0"}  # read by flwr when it is imported
FIXED_ENVIRONMENT = {**ONE_THREAD, **NO_TELEMETRY}
"""Set before any import, and again in every child, whatever the caller's environment says."""


class UnusableEnvironmentError(Exception):
    """The site's installation cannot run a fork server. The message says what to do."""


def check_flwr_version() -> None:
    """Refuse any Flower but the one whose process layout and FAB format this gate knows.

    Raises
    ------
    UnusableEnvironmentError: flwr is missing or of another version.
    """
    try:
        found = importlib.metadata.version("flwr")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != FLWR_VERSION:
        raise UnusableEnvironmentError(
            f"flwr {FLWR_VERSION} is needed and {found} is installed: how Flower starts "
            "flwr-clientapp, loads apps and builds FABs was checked for that version only. "
            "Install the site's locked requirements again"
        )


def import_libraries() -> None:
    """Import everything in `LIBRARIES` and `SITE_MODULES`, single-threaded, and freeze it for
    copy-on-write.

    Raises
    ------
    UnusableEnvironmentError: a library is missing, started a thread, or brought in a module of the
        project (a child must take those from the app that was approved).
    """
    check_flwr_version()
    os.environ.update(FIXED_ENVIRONMENT)
    for name in (*LIBRARIES, *SITE_MODULES):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UnusableEnvironmentError(
                f"{name} cannot be imported ({error}). Install the site's locked requirements again"
            ) from error
    _make_torch_deterministic()
    sys.modules["eth_hash.auto"].keccak(b"")  # chooses its backend at the first call
    for name in COMPUTING_LIBRARIES:
        installed_library(name)
    check_nothing_of_the_project_is_loaded()
    check_single_threaded()
    gc.collect()
    gc.freeze()


def _make_torch_deterministic() -> None:
    torch = sys.modules["torch"]
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True)


def check_single_threaded() -> None:
    """Refuse to fork beside another thread, whose locks a child would inherit for ever.

    Raises
    ------
    UnusableEnvironmentError: this process has more than one thread.
    """
    if (count := thread_count()) != 1:
        raise UnusableEnvironmentError(
            f"the fork server has {count} threads and must have one when it forks: "
            "a library started them"
        )


def check_nothing_of_the_project_is_loaded() -> None:
    """Refuse to go on with any project module but `federation.gate` loaded.

    Raises
    ------
    UnusableEnvironmentError: it names the module.
    """
    for name in sys.modules:
        if is_app_project_module(name):
            raise UnusableEnvironmentError(
                f"the fork server has loaded {name}: children would use it in place of the "
                "approved app's"
            )
