"""Exit codes, and which exception gives which: looked up by name, so that nothing is imported.

0    it is done, or it holds
1    what was asked about does not hold, or was refused
2    wrong usage, or an input that cannot be used
3    something that is needed is unreachable or did not start
4    a defect: the message says where the trace was written
130  Ctrl-C
"""

from __future__ import annotations

import errno
from typing import Final

REFUSED: Final = 1
UNUSABLE: Final = 2
UNREACHABLE: Final = 3
DEFECT: Final = 4
INTERRUPTED: Final = 130

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)

# "module.Class" -> code. An exception's own class comes first, then its bases, nearest first.
EXIT_CODE_OF: Final[dict[str, int]] = {
    "scripts.console.BadInput": UNUSABLE,
    "chain.failures.ChainUnreachable": UNREACHABLE,
    "chain.failures.RpcRefused": UNREACHABLE,
    "chain.failures.ArchiveMissing": UNREACHABLE,
    "chain.failures.TransactionPending": UNREACHABLE,
    "chain.failures.WrongChain": UNUSABLE,
    "chain.failures.ContractMissing": UNUSABLE,
    "chain.failures.WrongCode": UNUSABLE,
    "chain.failures.WrongOrigin": UNUSABLE,
    "chain.failures.ChainError": REFUSED,
    "chain.sqlite_file.SqliteFileUnusable": UNUSABLE,
    "chain.compile.CompileError": UNREACHABLE,
    "audit.errors.AuditError": UNUSABLE,
    "ipfs.objects.ObjectStoreUnreachable": UNREACHABLE,
    "ipfs.objects.ObjectStoreError": REFUSED,
    "federation.gate.fork_server.verdict.GateRefused": REFUSED,
    "federation.gate.fork_server.libraries.UnusableEnvironmentError": UNREACHABLE,
    "federation.gate.records.errors.RecordsError": UNUSABLE,
    "federation.gate.record_register.RecordSaltDestroyed": REFUSED,
    "federation.gate.site.SiteFolderInvalid": UNUSABLE,
    "federation.gate.keys.KeyFolderInvalid": UNUSABLE,
    "federation.gate.private_files.PrivateFileUnsafe": UNUSABLE,
    "federation.gate.private_database.DatabaseUnusable": UNUSABLE,
    "federation.gate.journal_schema.JournalError": REFUSED,
    "federation.gate.record_tally.RecordTallyRefused": REFUSED,
    "study.enrolment_file.EnrolmentFileInvalid": UNUSABLE,
    "federation.gate.backup.BackupUnusable": UNUSABLE,
    "federation.gate.joining.JoinRefused": REFUSED,
    "federation.gate.challenges.NothingToAnswer": REFUSED,
    "federation.gate.deliveries.NothingToRecord": REFUSED,
    "federation.gate.replaying.ReplayRefused": REFUSED,
    "scripts.site.processes.SiteRunning": REFUSED,
    "chain.signed_act.SignedActInvalid": UNUSABLE,
    "federation.planning.plan.PlanInvalid": UNUSABLE,
    "study.consenting.EnrolmentRefused": REFUSED,
    "federation.app.chain_facts.RoundEventMissing": REFUSED,
    "study.checkpoints.NoCheckpoint": REFUSED,
    "study.checkpoints.CheckpointWrong": REFUSED,
    "study.receipt.ReceiptInvalid": REFUSED,
    "study.hpke.EnvelopeInvalid": UNUSABLE,
    "study.statements.StatementRefused": REFUSED,
    "study.enrolment_code.CodeInvalid": UNUSABLE,
    "study.service_client.ServiceRefused": REFUSED,
    "federation.gate.receipts.NoReceipt": REFUSED,
    "federation.gate.erasing.ErasureRefused": REFUSED,
    "federation.planning.running.RunRefused": REFUSED,
    "study.other_signers.SignerUnusable": UNUSABLE,
    "federation.app.coordinator.CoordinatorFolderInvalid": UNUSABLE,
    "federation.gate.fork_server.fab.FabError": UNUSABLE,
    "stack.flower_run.FlowerError": REFUSED,
    "stack.kubo.IpfsError": UNUSABLE,
    "stack.process.ProcessError": UNREACHABLE,
    "stack.binaries.BinaryMissingError": UNREACHABLE,
    "stack.running.RecordError": UNUSABLE,
    "scripts.local.settings.StateRefused": UNUSABLE,
    "scripts.local.settings.PortTaken": UNREACHABLE,
    "scripts.local.chains.AccountsUnfunded": REFUSED,
    "builtins.ConnectionError": UNREACHABLE,
    "builtins.OSError": UNUSABLE,
}


def exit_code_of(error: BaseException) -> int | None:
    """The code for an exception that a user can cause; None for a defect of ours."""
    for base in type(error).__mro__:
        code = EXIT_CODE_OF.get(f"{base.__module__}.{base.__qualname__}")
        if code is not None:
            return code
    return None


def message_of(error: BaseException) -> str:
    """What to tell the user; an OSError without its number, a full disk with what to do."""
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        room = "; make room, then run the command again" if error.errno in _NO_ROOM else ""
        return f"{named}{error.strerror}{room}"
    return str(error) or type(error).__name__
