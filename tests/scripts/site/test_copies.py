"""`assent site backup` and `assent site restore`."""

from pathlib import Path

import pytest

from federation.gate.private_files import write_private_file
from tests.hospital import Hospital, assent


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    write_private_file(tmp_path / "passphrase", b"correct horse battery staple\n")
    return tmp_path / "passphrase"


def test_a_ready_site_is_ready_again_after_a_restore_elsewhere(
    ready_hospital: Hospital, tmp_path: Path, passphrase: Path
) -> None:
    target, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    kept = assent(
        *("site", "backup", ready_hospital.folder, target),
        *("--passphrase-file", passphrase, "--json"),
    )
    assert kept.json == {"file": str(target), "bytes": target.stat().st_size}
    restored = assent("site", "restore", target, elsewhere, "--passphrase-file", passphrase)
    assert restored.code == 0, restored
    assert f"Restored site {ready_hospital.account}" in restored.out
    assert assent("site", "preflight", elsewhere).code == 0
    keys = [
        assent("site", "keys", folder, "--json").json
        for folder in (ready_hospital.folder, elsewhere)
    ]
    assert keys[0] == keys[1]
    assert keys[0]["supernode_key"].startswith("ecdsa-sha2-nistp256 ")
    bound = str(ready_hospital.folder).encode()
    files = [path for path in elsewhere.rglob("*") if path.is_file()]
    assert [path for path in files if bound in path.read_bytes()] == []


def test_a_wrong_passphrase_restores_nothing(
    ready_hospital: Hospital, tmp_path: Path, passphrase: Path
) -> None:
    target, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    assent("site", "backup", ready_hospital.folder, target, "--passphrase-file", passphrase)
    write_private_file(tmp_path / "wrong", b"another long passphrase\n")
    refused = assent("site", "restore", target, elsewhere, "--passphrase-file", tmp_path / "wrong")
    assert refused.code == 2
    assert f"{target}: the passphrase is wrong" in refused.err
    assert not elsewhere.exists()


def test_a_passphrase_that_others_can_read_is_refused(
    ready_hospital: Hospital, tmp_path: Path, passphrase: Path
) -> None:
    passphrase.chmod(0o644)
    refused = assent(
        *("site", "backup", ready_hospital.folder, tmp_path / "backup"),
        *("--passphrase-file", passphrase),
    )
    assert refused.code == 2
    assert f"{passphrase} is open to other users; run: chmod 600" in refused.err
    assert not (tmp_path / "backup").exists()
