"""The demo, step by step."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from audit.admission import refusal
from audit.checkpoint import read as read_checkpoint
from audit.cid import cid_of_sha256
from audit.cohort import Status
from audit.consent_state import StudyState
from audit.times import moment
from chain.chain import Chain
from chain.messages import Purpose
from federation.app.learning.recipe import CLIP_NORM, ROUNDS, recommended_recipe
from federation.gate.keys import SiteKeys
from federation.gate.records.datasets.pbcseq import PbcSite, read_pbcseq, split_sites
from federation.gate.records.datasets.pbcseq_files import LIS_SITE, write_fhir, write_lis
from federation.gate.records.fhir import load_fhir
from federation.gate.records.lis import load_lis
from federation.gate.records.lis_mapping import read_mapping
from federation.gate.records.store import RecordStore
from federation.planning.design import StudyDesign
from scripts.demo.evaluation import Comparison, compare
from scripts.demo.memory import MemoryWatch
from scripts.demo.patients import TRAINING, Choice, Patient, PatientActs, choice_of
from scripts.demo.texts import CONSENT_TEXTS, DPIA, PROTOCOL
from scripts.demo.withdrawals import Rounds
from scripts.local.federation import LocalFederation
from scripts.local.layout import Layout
from scripts.steps import Steps
from stack.process import ProcessGroup
from study.bundle import gather_bundle
from study.data_use_text import describe_conditions, describe_disease
from twin.log_linear import LogLinearModel

SPARE_ROUNDS = 2
DESIGN = StudyDesign(
    epsilon=8.0,
    delta=Decimal("1e-5"),
    rounds=ROUNDS + SPARE_ROUNDS,
    clipping_norm=CLIP_NORM,
    min_cohort=5,
    min_sites=4,
    tolerated_colluders=1,
    undertakings=Purpose.NOT_FOR_PROFIT,
)


@dataclass
class Outcome:
    """What the closing table, summary and report are made from."""

    study_id: int
    state: StudyState
    design: StudyDesign
    site_names: dict[str, str]
    comparison: Comparison
    trust_block: bytes
    granted: dict[str, dict[str, int]]
    refused: dict[str, dict[str, int]]
    admitted: dict[str, int]
    withdrawn: dict[str, str]
    gas: dict[str, list[int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_gib: float = 0.0
    verified: bool = False
    checks: int = 0


class Demo:
    """One run of the demo, into an empty folder (`scripts.demo.out_folder`)."""

    def __init__(self, out: Path, console: Console) -> None:
        self.out = out
        self.steps = Steps(console, total=8)
        self.layout = Layout(out / "state")

    def run(self) -> Outcome:
        """Runs every step.

        Raises:
            stack.process.ProcessError, RoundsFailed and the rooms' own errors; each names the log
            or the thing.
        """
        with MemoryWatch() as memory, ProcessGroup() as group:
            outcome = self._live(group)
        outcome.peak_memory_gib = memory.peak_gib
        with self.steps.step(
            "Chain, IPFS and Flower are stopped: verify the study from its bundle"
        ):
            self._verify(outcome)
        outcome.seconds = dict(self.steps.seconds)
        return outcome

    def _live(self, group: ProcessGroup) -> Outcome:
        steps = self.steps
        with steps.step("Start a chain node, an IPFS node, a Flower SuperLink and five SuperNodes"):
            sites = split_sites(read_pbcseq())
            self.federation = LocalFederation(self.layout, group, [site.name for site in sites])
            self.federation.start_services()
            for process in group.processes:
                steps.line(f"{process.name}: running, log {process.log_path}")
        with steps.step("Deploy the contracts, register five sites, approve a study"):
            keys = self._study()
        with steps.step("Read 312 real patients (pbcseq) into five sites, as FHIR R4 and LIS CSV"):
            records = {site.name: self._load(site) for site in sites}
        with steps.step(
            "Patients act: grant, grant for something else, let it expire, stay silent"
        ):
            ids = {name: store.record_ids() for name, store in records.items()}
            self.patients = self.acts.grant_all(
                (name, ids[name]) for name in self.federation.site_names
            )
            self._show_grants()
        rounds = Rounds(self.federation, self.chain, self.study_id, self.acts)
        with steps.step("Five sites learn one prior: gated, private, masked, committed on chain"):
            steps.line("each round: open, admit, train, commit, seal, deliver, close")
            rounds.run(rounds=2)
            self._show_rounds(since=1)
        with steps.step("Three patients withdraw: between rounds, before a seal, after a seal"):
            withdrawn = self._withdrawals(rounds)
        with steps.step("The remaining rounds, then errors on held-out patients"):
            shown = self.chain.ledger.round_count(self.study_id)
            rounds.run(rounds=ROUNDS - 4)
            self._show_rounds(since=shown + 1)
            return self._finish(keys, records, withdrawn)

    # -- steps -------------------------------------------------------------------------------

    def _study(self) -> dict[str, SiteKeys]:
        federation, steps = self.federation, self.steps
        deployment = federation.deploy()
        steps.line(f"StudyRegistry {deployment.registry}")
        steps.line(f"ConsentToken  {deployment.consent_token}")
        steps.line(f"RoundLedger   {deployment.ledger}")
        deployment.save(self.out / "deployment.json")
        keys = {name: federation.make_site(name) for name in federation.site_names}
        recipe = recommended_recipe(LogLinearModel())
        documents = federation.make_documents(PROTOCOL, CONSENT_TEXTS, DPIA, recipe)
        accounts = [key.public.account for key in keys.values()]
        self.study_id = federation.propose(DESIGN, documents, accounts)
        until = federation.approve(self.study_id)
        self.chain: Chain = federation.connect()
        self.acts = PatientActs(federation, self.study_id)
        terms = self.chain.registry.terms(self.study_id, 1)
        steps.line(
            f"study {self.study_id} approved by 2 of 3 reviewers until {moment(until)}: app (FAB) "
            f"{terms.app_hash.hex()[:16]}…, at least {terms.min_cohort} patients a site, "
            f"{terms.min_sites} sites"
        )
        steps.line(
            f"for {describe_disease(terms.disease)}, "
            f"{', '.join(describe_conditions(terms.purposes))}"
        )
        steps.line(
            f"privacy ceiling: epsilon {DESIGN.epsilon:g} at delta {DESIGN.delta}, "
            f"room for {DESIGN.rounds} rounds, noise multiplier {terms.noise_multiplier / 1e6:.2f}"
        )
        return keys

    def _load(self, site: PbcSite) -> RecordStore:
        folder = self.layout.site(site.name)
        store = RecordStore.open(folder / "records.db")
        if site.name == LIS_SITE:
            table, mapping = write_lis(site, folder / "export")
            report, form = load_lis(store, table, read_mapping(mapping)), "LIS CSV"
        else:
            write_fhir(site, folder / "export", compress=True)
            report, form = load_fhir(store, folder / "export"), "FHIR R4 NDJSON"
        conversions = sum(report.conversions.values())
        self.steps.line(
            f"{site.name}: {len(site.patients):3d} patients, {report.loaded:5d} resources from "
            f"{form}, {conversions} unit conversions, {report.rejected} rejected"
        )
        return store

    def _show_grants(self) -> None:
        for name in self.federation.site_names:
            counts = self._granted()[name]
            shown = ", ".join(f"{count} {choice}" for choice, count in counts.items())
            self.steps.line(f"{name} grants: {shown}")
        used = self.acts.gas["grant"]
        mean = sum(used) / len(used)
        self.steps.line(f"{len(used)} grants on chain, {mean:,.0f} gas each, relayed")

    def _granted(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        granted = {patient.record_id for patient in self.patients}
        for name in self.federation.site_names:
            with RecordStore.open(self.layout.site(name) / "records.db") as store:
                ids = store.record_ids()
            choices = [choice_of(one) if one in granted else Choice.NEVER for one in ids]
            counts[name] = {choice.value: choices.count(choice) for choice in Choice}
        return counts

    def _withdrawals(self, rounds: Rounds) -> dict[str, str]:
        first, second, third = (self._trainee(name) for name in ("site-1", "site-2", "site-3"))
        steps, withdrawn = self.steps, {}
        self.acts.revoke(first)
        steps.line(f"between rounds: a patient of {first.site_name} revokes")
        withdrawn[first.site_name] = "between rounds"

        def before_seal(number: int) -> None:
            site = self._account(second.site_name)
            rounds.wait_for_commitment(number, site)
            self.acts.revoke(second)
            steps.line(
                f"round {number}, before the seal: a patient of {second.site_name} revokes after "
                "the site has committed"
            )
            rounds.wait_for_commitment(number, site, attempt=2)
            steps.line(f"round {number}: {second.site_name} commits again without the record")

        rounds.run(before_seal, rounds=1, seal_after_seconds=4.0)
        withdrawn[second.site_name] = "in mid-round, before the seal"

        def after_seal(number: int) -> None:
            rounds.wait_for_seal(number)
            self.acts.revoke(third)
            steps.line(f"round {number}, after the seal: a patient of {third.site_name} revokes")
            steps.line(f"round {number} cannot close any more; it is run again without the record")

        rounds.run(after_seal, rounds=1, close_after_seconds=4.0)
        withdrawn[third.site_name] = "after the seal"
        self._show_rounds(since=3)
        return withdrawn

    def _trainee(self, site_name: str) -> Patient:
        return next(
            patient
            for patient in self.patients
            if patient.site_name == site_name and patient.choice is Choice.TRAINING
        )

    def _account(self, name: str) -> str:
        return SiteKeys.open(self.layout.site(name) / "keys").public.account

    def _show_rounds(self, since: int) -> None:
        for number, facts in self._replay().history.rounds.items():
            if number < since:
                continue
            by_site = {e.site: e.commitment.cohort_size for e in facts.sealed_commitments()}
            sizes = [
                str(by_site[self._account(name)])
                for name in self.federation.site_names
                if self._account(name) in by_site
            ]
            tries = sum(entry.commitment.attempt > 1 for entry in facts.commitments)
            ending = f"[green]{facts.state.name.lower()}[/green]"
            if facts.aborted:
                ending = (
                    f"[yellow]abandoned ({facts.aborted.reason.name.lower()}), charged[/yellow]"
                )
            again = f", {tries} recommitted" if tries else ""
            self.steps.line(
                f"round {number}: {' + '.join(sizes)} patients at {len(sizes)} sites{again}, "
                + ending
            )

    def _replay(self) -> StudyState:
        return StudyState.replay(self.chain.events_of((0, self.study_id)), self.study_id)

    def _finish(
        self,
        keys: dict[str, SiteKeys],
        records: dict[str, RecordStore],
        withdrawn: dict[str, str],
    ) -> Outcome:
        chain, state = self.chain, self._replay()
        last = chain.ledger.round(self.study_id, chain.ledger.last_closed(self.study_id))
        checkpoint = read_checkpoint(self.federation.store.get(cid_of_sha256(last.checkpoint_hash)))
        sites = {name: (keys[name], records[name]) for name in self.federation.site_names}
        comparison = compare(chain, self.study_id, sites, checkpoint)
        self.steps.line(f"{comparison.patients} held-out patients, three visits known of each")
        trust_block = gather_bundle(
            chain, self.federation.store, self.study_id, self.out / "bundle"
        )
        refused, admitted = self._admissions(state)
        return Outcome(
            study_id=self.study_id,
            state=state,
            design=DESIGN,
            site_names={keys[name].public.account: name for name in self.federation.site_names},
            comparison=comparison,
            trust_block=trust_block,
            granted=self._granted(),
            refused=refused,
            admitted=admitted,
            withdrawn=withdrawn,
            gas=self.acts.gas,
        )

    def _admissions(self, state: StudyState) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
        """Who was refused by the last closed round's cohorts, with the reason, and who admitted."""
        disease = state.history.versions[1].terms.disease
        last = max(n for n, facts in state.history.rounds.items() if facts.closed)
        facts = state.history.rounds[last]
        refused, admitted = {}, {}
        for name in self.federation.site_names:
            account = self._account(name)
            consents = [
                self.chain.consent.consent(token.token_id) for token in state.tokens(account)
            ]
            reasons: dict[str, int] = {}
            admitted[name] = 0
            for token, consent in zip(state.tokens(account), consents, strict=True):
                until = facts.opened.close_deadline
                if state.is_consent_active(token.token_id, int(TRAINING), until):
                    admitted[name] += 1
                    continue
                status: Status = refusal(
                    consent,
                    consent.version,
                    bool(consent.revoked_at),
                    int(TRAINING),
                    disease,
                    facts.opened_at.time,
                    until,
                    1,
                )
                held_out = consent.purposes & Purpose.EVALUATION and status == Status.OTHER_PURPOSE
                reason = status.name.lower().replace("_", " ")
                reason = "evaluation only (held out)" if held_out else reason
                reasons[reason] = reasons.get(reason, 0) + 1
            refused[name] = dict(sorted(reasons.items()))
        return refused, admitted

    def _verify(self, outcome: Outcome) -> None:
        command = [sys.executable, "-m", "scripts.main", "verify", str(self.out / "bundle")]
        command += ["--trust-block", "0x" + outcome.trust_block.hex(), "--json"]
        command += ["--deployment", str(self.out / "deployment.json")]
        command += ["--study", str(outcome.study_id)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        (self.out / "verification.json").write_text(done.stdout)
        report = json.loads(done.stdout) if done.stdout else {"checks": []}
        outcome.verified, outcome.checks = done.returncode == 0, len(report["checks"])
        failed = [check for check in report["checks"] if not check["ok"]]
        for check in failed[:10]:
            self.steps.line(
                f"[red]FAILED[/red] {check['name']} {check['object']}: {check['detail']}"
            )
        if done.returncode and not failed:
            self.steps.line(f"[red]{done.stderr.strip()}[/red]")
        verdict = "[green]all hold[/green]" if outcome.verified else "[red]not all hold[/red]"
        self.steps.line(f"{outcome.checks} checks in a fresh process, no network: {verdict}")
