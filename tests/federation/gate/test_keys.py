"""A site's key folder: private or refused, and the only link between tokens and records."""

import hashlib
import hmac
import json
import os
import shutil
import sqlite3
import stat
import traceback

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chain.messages import consent_domain, recover
from federation.gate.keys import PASSPHRASE_FILE, KeyFolderInvalid, SiteKeys
from federation.gate.private_database import DatabaseUnusable
from federation.gate.private_files import PrivateFileUnsafe
from federation.gate.record_register import (
    EnrolmentEntry,
    RecordSaltDestroyed,
    record_commitment,
)

LEDGER = "0x00000000000000000000000000000000000000aA"
HOLDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OTHER_HOLDER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
DOMAIN = consent_domain(31337, LEDGER)
NOW = 1_900_000_000


@pytest.fixture
def keys(tmp_path):
    opened = SiteKeys.create(tmp_path / "keys")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    opened = SiteKeys.create(tmp_path_factory.mktemp("site") / "keys")
    yield opened
    opened.close()


SECRET_FILES = ["account.key", "enrolment.key", "noise.secret", "leaf-salt.secret", "salts.db"]


class TestFolder:
    def test_is_private_from_the_first_moment_whatever_the_umask(self, tmp_path):
        before = os.umask(0)
        try:
            keys = SiteKeys.create(tmp_path / "keys")
            keys.record_salt("patient-1")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
        files = list((tmp_path / "keys").iterdir())
        assert {file.name for file in files} >= set(SECRET_FILES)
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * len(files)
        keys.close()

    def test_keeps_its_keys_when_opened_again(self, keys, tmp_path):
        again = SiteKeys.open(tmp_path / "keys")
        assert again.account.key == keys.account.key
        assert again.enrolment_account.address == keys.public.enrolment_key
        assert again.noise_secret == keys.noise_secret
        assert again.record_salt("p") == keys.record_salt("p")
        again.close()

    def test_all_its_keys_differ_and_the_noise_secret_hashes_to_what_is_registered(self, keys):
        assert keys.account.address == keys.public.account != keys.public.enrolment_key
        assert len(keys.noise_secret) == 32
        assert keys.noise_secret_hash == hashlib.sha256(keys.noise_secret).digest()

    def test_is_never_overwritten(self, keys, tmp_path):
        with pytest.raises(FileExistsError, match="never overwritten"):
            SiteKeys.create(tmp_path / "keys")

    def test_nothing_is_left_when_making_it_fails(self, tmp_path):
        empty = tmp_path / "passphrase"
        empty.touch(0o600)
        with pytest.raises(KeyFolderInvalid, match="no passphrase"):
            SiteKeys.create(tmp_path / "keys", empty)
        assert [path.name for path in tmp_path.iterdir()] == ["passphrase"]

    @pytest.mark.parametrize("name", [".", *SECRET_FILES, "public.json"])
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o602])
    def test_is_refused_when_anything_in_it_is_open_to_others(self, keys, tmp_path, name, mode):
        (tmp_path / "keys" / name).chmod(mode | 0o700)
        with pytest.raises(PrivateFileUnsafe, match="open to other users; run: chmod"):
            SiteKeys.open(tmp_path / "keys")

    @pytest.mark.parametrize("name", [*SECRET_FILES, "public.json"])
    def test_is_refused_when_a_file_is_a_symbolic_link(self, keys, tmp_path, name):
        path = tmp_path / "keys" / name
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(PrivateFileUnsafe, match="symbolic links are refused"):
            SiteKeys.open(tmp_path / "keys")

    def test_is_refused_when_it_is_a_symbolic_link_itself(self, keys, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "keys")
        with pytest.raises(PrivateFileUnsafe, match="not a folder"):
            SiteKeys.open(tmp_path / "link")

    @pytest.mark.parametrize("name", [*SECRET_FILES, "public.json"])
    def test_is_refused_when_a_file_is_missing(self, keys, tmp_path, name):
        (tmp_path / "keys" / name).unlink()
        with pytest.raises(PrivateFileUnsafe, match="does not exist"):
            SiteKeys.open(tmp_path / "keys")

    @pytest.mark.parametrize("name", [".", *SECRET_FILES])
    def test_is_refused_when_it_belongs_to_another_user(self, keys, tmp_path, name, monkeypatch):
        """Only root can give a file away; another user who asks is the same question."""
        folder = tmp_path / "keys"
        if os.geteuid() == 0:
            os.chown(folder / name, 65534, 65534)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 65534)
        with pytest.raises(PrivateFileUnsafe, match="another user"):
            SiteKeys.open(folder)

    def test_a_key_loosened_after_opening_is_refused_when_it_is_read(self, keys, tmp_path):
        (tmp_path / "keys" / "noise.secret").chmod(0o644)
        with pytest.raises(PrivateFileUnsafe, match="noise"):
            _ = keys.noise_secret


class TestWrongKeys:
    @pytest.mark.parametrize(
        "content",
        [b"", b"0x" + b"00" * 32, b"0x" + b"ff" * 32, b"0x" + b"zz" * 32, b"11" * 32, b"{}", b"{"],
        ids=["empty", "zero", "above the order", "no hex", "no 0x", "empty keystore", "torn"],
    )
    def test_a_malformed_account_key_is_named_and_not_shown(
        self, keys, tmp_path, content, monkeypatch
    ):
        passphrase = tmp_path / "passphrase"
        passphrase.touch(0o600)
        passphrase.write_text("words\n")
        monkeypatch.setenv(PASSPHRASE_FILE, str(passphrase))
        (tmp_path / "keys" / "account.key").write_bytes(content)
        with pytest.raises(KeyFolderInvalid, match=r"account\.key") as refused:
            _ = keys.account
        shown = "".join(traceback.format_exception_only(refused.value))
        assert len(content) < 32 or content.decode() not in shown
        assert refused.value.__context__ is None or refused.value.__suppress_context__

    def test_another_site_s_key_is_refused(self, keys, tmp_path):
        other = SiteKeys.create(tmp_path / "other")
        for name in ("account.key", "enrolment.key", "noise.secret"):
            shutil.copy2(tmp_path / "other" / name, tmp_path / "keys" / name)
        with pytest.raises(KeyFolderInvalid, match="is not the key of"):
            _ = keys.account
        with pytest.raises(KeyFolderInvalid, match="is not the key of"):
            _ = keys.enrolment_account
        with pytest.raises(KeyFolderInvalid, match="not the secret that was registered"):
            _ = keys.noise_secret
        other.close()

    @pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"account": "x"}', b"\xff"])
    def test_malformed_public_keys_are_refused(self, keys, tmp_path, content):
        (tmp_path / "keys" / "public.json").write_bytes(content)
        with pytest.raises(KeyFolderInvalid, match=r"public\.json"):
            SiteKeys.open(tmp_path / "keys")

    def test_a_damaged_register_is_refused(self, keys, tmp_path):
        keys.record_salt("p")
        keys.close()
        (tmp_path / "keys" / "salts.db").write_bytes(b"not a database at all" * 400)
        with pytest.raises(DatabaseUnusable, match=r"salts\.db"):
            SiteKeys.open(tmp_path / "keys")

    def test_a_database_of_another_kind_is_refused(self, keys, tmp_path):
        keys.close()
        with sqlite3.connect(tmp_path / "keys" / "salts.db") as database:
            database.execute("PRAGMA user_version = 5")
        database.close()
        with pytest.raises(DatabaseUnusable, match="kind 5"):
            SiteKeys.open(tmp_path / "keys")


class TestEncryptedAccount:
    @pytest.fixture
    def passphrase(self, tmp_path):
        path = tmp_path / "passphrase"
        path.touch(0o600)
        path.write_text("correct horse\nanything else\n")
        return path

    def test_opens_with_the_passphrase_file_and_with_nothing_less(
        self, tmp_path, passphrase, monkeypatch
    ):
        created = SiteKeys.create(tmp_path / "keys", passphrase)
        stored = (tmp_path / "keys" / "account.key").read_bytes()
        monkeypatch.delenv(PASSPHRASE_FILE, raising=False)
        with pytest.raises(KeyFolderInvalid, match=PASSPHRASE_FILE):
            _ = created.account

        monkeypatch.setenv(PASSPHRASE_FILE, str(passphrase))
        account = created.account
        assert account.address == created.public.account
        assert json.loads(stored)["version"] == 3
        assert bytes(account.key).hex().encode() not in stored

        passphrase.write_text("wrong\n")
        again = SiteKeys.open(tmp_path / "keys")
        with pytest.raises(KeyFolderInvalid, match="wrong passphrase") as refused:
            _ = again.account
        assert "wrong\n" not in str(refused.value)

        passphrase.chmod(0o644)
        with pytest.raises(PrivateFileUnsafe, match="passphrase"):
            _ = again.account
        created.close()
        again.close()


class TestRecords:
    def test_a_record_has_one_salt_of_its_own(self, keys):
        assert keys.record_salt("a") == keys.record_salt("a") != keys.record_salt("b")
        assert len(keys.record_salt("a")) == 32

    def test_the_tag_is_the_stated_hmac(self, keys):
        salt = keys.record_salt("rec")
        message = (
            b"assent/record-tag/1" + (31337).to_bytes(32, "big") + (4).to_bytes(8, "big") + b"rec"
        )
        assert keys.record_tag(31337, 4, "rec") == hmac.digest(salt, message, "sha256")

    def test_the_commitment_is_the_stated_hash(self, keys):
        salt = keys.record_salt("réc")
        message = (
            b"assent/record-commitment/1"
            + salt
            + (4).to_bytes(4, "big")
            + "réc".encode()
            + bytes.fromhex(HOLDER[2:])
        )
        assert keys.record_commitment("réc", HOLDER) == hashlib.sha256(message).digest()

    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.text(min_size=1), st.text(min_size=1), st.booleans(), st.integers(1, 9))
    def test_tags_and_commitments_coincide_only_when_everything_does(
        self, shared, record, other, same_holder, study
    ):
        record, other = (text.encode(errors="replace").decode() for text in (record, other))
        holder = HOLDER if same_holder else OTHER_HOLDER
        same_record = record == other
        assert (
            shared.record_commitment(record, HOLDER) == shared.record_commitment(other, holder)
        ) == (same_record and same_holder)
        assert (shared.record_tag(1, 1, record) == shared.record_tag(1, study, other)) == (
            same_record and study == 1
        )

    def test_a_commitment_needs_a_whole_salt_and_holder(self):
        with pytest.raises(ValueError, match="salt has 32"):
            record_commitment(b"short", "r", bytes(20))
        with pytest.raises(ValueError, match="holder 20"):
            record_commitment(bytes(32), "r", bytes(19))

    def test_an_empty_record_id_is_refused(self, keys):
        with pytest.raises(ValueError, match="not empty"):
            keys.record_salt("")


class TestEnrolment:
    def test_is_signed_by_the_enrolment_key_and_found_again_by_its_commitment(self, keys, tmp_path):
        enrolment, signature = keys.enrol("patient-7", HOLDER, 3, NOW, 2_000_000_000, DOMAIN)
        assert recover(enrolment.digest(DOMAIN), signature) == keys.public.enrolment_key
        assert enrolment.site == keys.public.account
        assert (enrolment.study_id, enrolment.holder) == (3, HOLDER)
        assert (enrolment.issued_at, enrolment.deadline) == (NOW, 2_000_000_000)
        assert enrolment.record_tag == keys.record_tag(31337, 3, "patient-7")
        assert enrolment.record_commitment == keys.record_commitment("patient-7", HOLDER)
        again = SiteKeys.open(tmp_path / "keys")
        assert again.record_of(enrolment.record_commitment) == "patient-7"
        again.close()

    def test_two_holders_of_one_record_have_one_tag_and_two_commitments(self, keys):
        first, _ = keys.enrol("p", HOLDER, 3, NOW, 2_000_000_000, DOMAIN)
        second, _ = keys.enrol("p", OTHER_HOLDER, 3, NOW, 2_000_000_000, DOMAIN)
        assert first.record_tag == second.record_tag
        assert first.record_commitment != second.record_commitment

    def test_each_time_is_remembered_and_the_same_time_once(self, keys):
        for issued_at in (NOW + 5, NOW, NOW + 5):
            keys.enrol("p", HOLDER, 3, issued_at, 2_000_000_000, DOMAIN)
        assert [one.issued_at for one in keys.register.enrolments("p")] == [NOW, NOW + 5]
        with pytest.raises(ValueError, match="issued_at"):
            keys.enrol("p", HOLDER, 3, 2**40, 2_000_000_000, DOMAIN)

    def test_an_unknown_commitment_has_no_record(self, keys):
        assert keys.record_of(b"?" * 32) is None

    def test_a_holder_that_is_no_address_is_refused_and_nothing_remembered(self, keys):
        with pytest.raises(ValueError):
            keys.enrol("p", "0x12", 3, NOW, 2_000_000_000, DOMAIN)
        assert keys.register.enrolments("p") == []


# As releases before enrolments had a time left it.
FIRST_KIND = 0x5A170001
FIRST_SCHEMA = """
DROP TABLE enrolments;
CREATE TABLE enrolments (
    nonce BLOB PRIMARY KEY CHECK (length(nonce) = 32),
    record_id TEXT NOT NULL REFERENCES record_salts (record_id),
    holder BLOB NOT NULL CHECK (length(holder) = 20),
    study_id INTEGER NOT NULL,
    record_commitment BLOB NOT NULL CHECK (length(record_commitment) = 32)
) STRICT;
CREATE INDEX enrolments_by_commitment ON enrolments (record_commitment);
CREATE INDEX enrolments_by_record ON enrolments (record_id)
"""


class TestARegisterFromBeforeEnrolmentsHadATime:
    def test_keeps_salts_and_links_and_takes_new_enrolments(self, keys, tmp_path):
        salts = {record: keys.record_salt(record) for record in ("a", "b")}
        keys.close()
        with sqlite3.connect(tmp_path / "keys" / "salts.db") as database:
            database.executescript(FIRST_SCHEMA)
            rows = [(b"1", "a", b"c"), (b"2", "a", b"c"), (b"3", "b", b"d")]
            for nonce, record, commitment in rows:
                database.execute(
                    "INSERT INTO enrolments VALUES (?, ?, ?, 3, ?)",
                    (nonce * 32, record, bytes(20), commitment * 32),
                )
            database.execute(f"PRAGMA user_version = {FIRST_KIND}")
        database.close()
        for _ in range(2):  # the second opening finds the new kind
            again = SiteKeys.open(tmp_path / "keys")
            assert {record: again.record_salt(record) for record in salts} == salts
            assert (again.record_of(b"c" * 32), again.record_of(b"d" * 32)) == ("a", "b")
            again.close()
        again = SiteKeys.open(tmp_path / "keys")
        again.enrol("a", HOLDER, 3, NOW, 2_000_000_000, DOMAIN)
        kept = again.register.enrolments("a")
        assert [(one.study_id, one.issued_at) for one in kept] == [(3, 0), (3, NOW)]
        assert kept[0] == EnrolmentEntry(3, b"c" * 32, 0, "a", bytes(20))
        again.close()


class TestDestroyingASalt:
    def test_leaves_neither_salt_nor_link_nor_a_second_chance(self, keys, tmp_path):
        salt = keys.record_salt("gone")
        enrolment, _ = keys.enrol("gone", HOLDER, 3, NOW, 2_000_000_000, DOMAIN)
        kept, _ = keys.enrol("kept", OTHER_HOLDER, 3, NOW, 2_000_000_000, DOMAIN)
        keys.destroy_salt("gone")
        assert keys.record_of(enrolment.record_commitment) is None
        for refused in (
            lambda: keys.record_salt("gone"),
            lambda: keys.record_tag(1, 1, "gone"),
            lambda: keys.enrol("gone", HOLDER, 3, NOW, 2_000_000_000, DOMAIN),
        ):
            with pytest.raises(RecordSaltDestroyed):
                refused()
        assert keys.record_of(kept.record_commitment) == "kept"
        for file in (tmp_path / "keys").iterdir():
            data = file.read_bytes()
            assert salt not in data, file.name
            assert enrolment.record_commitment not in data, file.name

    def test_may_be_repeated_and_also_bars_a_record_never_enrolled(self, keys):
        keys.destroy_salt("never seen")
        keys.destroy_salt("never seen")
        with pytest.raises(RecordSaltDestroyed):
            keys.record_salt("never seen")


class TestLeafSalts:
    WHERE = (31337, LEDGER, 1, 1, 1, 0)

    def test_each_leaf_of_each_attempt_has_its_own(self, shared):
        places = {self.WHERE}
        for position in (0, 2, 3, 4, 5):
            changed = list(self.WHERE)
            changed[position] += 1
            places.add(tuple(changed))
        places.add((self.WHERE[0], HOLDER, *self.WHERE[2:]))
        salts = {shared.leaf_salt(*place) for place in places}
        assert len(salts) == 7
        assert {len(salt) for salt in salts} == {32}

    def test_is_the_same_for_ever_at_one_site_and_differs_at_another(self, keys, shared):
        assert keys.leaf_salt(*self.WHERE) == keys.leaf_salt(*self.WHERE)
        assert keys.leaf_salt(*self.WHERE) != shared.leaf_salt(*self.WHERE)
