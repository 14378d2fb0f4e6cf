"""From a plan to a proposal on chain: documents made and pinned, terms written, study proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit.checkpoint import initial
from audit.checkpoint import write as write_checkpoint
from audit.errors import AuditError
from audit.recipe import Recipe
from audit.recipe import parse as parse_recipe
from chain.chain import Chain
from chain.events import StudyProposed, VersionProposed
from chain.messages import Terms
from federation.app.learning.learners import PRIOR, learner_named
from federation.app.learning.recipe import recommended_recipe
from federation.app.models import model_named
from federation.planning.app_bundle import installed_app
from federation.planning.plan import Plan, PlanInvalid
from ipfs.objects import ObjectStore
from study.documents import StudyDocuments, consent_text_document


@dataclass(frozen=True)
class Proposed:
    """What a proposal made."""

    study_id: int
    version: int
    terms: Terms
    terms_hash: bytes


def make_documents(
    protocol: bytes, consent_texts: Mapping[str, str], dpia: bytes, recipe: Recipe, app: bytes
) -> StudyDocuments:
    """The documents that terms name; the first checkpoint is the learner's published start.

    Args:
        consent_texts: plain text by BCP 47 language tag.
        dpia: the data protection impact assessment, any format.
        app: the Flower App Bundle.

    Raises:
        ValueError: this release has no model or learner of the recipe's name.
    """
    model = model_named(recipe.model)
    learner = learner_named(recipe.learner)
    first = initial(learner.start(model), learner.layout(model), model.name)
    return StudyDocuments(
        protocol=protocol,
        consent_text=consent_text_document(dict(consent_texts)),
        dpia=dpia,
        recipe=recipe,
        app=app,
        checkpoint=write_checkpoint(first),
    )


def documents_of_plan(plan: Plan, folder: Path) -> StudyDocuments:
    """Reads what the plan names and builds the app.

    Args:
        folder: the plan's.

    Raises:
        PlanInvalid: a file cannot be read, or recipe and model do not fit; it names the member.
    """
    texts = {
        language: _text(folder / name, f"consent_texts.{language}")
        for language, name in plan.consent_texts.items()
    }
    protocol = _bytes(folder / plan.protocol, "protocol")
    dpia = _bytes(folder / plan.dpia, "dpia")
    return make_documents(protocol, texts, dpia, recipe_of_plan(plan, folder), installed_app())


def propose(
    chain: Chain, store: ObjectStore, plan: Plan, folder: Path, study_id: int | None = None
) -> Proposed:
    """Pins the documents and proposes the study, or the next version of `study_id`.

    Raises:
        PlanInvalid: also when it lacks the committee of a new study, or names one for a version.
        ObjectStoreError, ChainError: RegistryTermsInvalid names the member that the chain refuses.
    """
    if (plan.committee is None) == (study_id is None):
        raise PlanInvalid(
            "committee: a new study needs its reviewers and threshold"
            if study_id is None
            else "committee: a new version keeps the study's committee; remove it from the plan"
        )
    documents = documents_of_plan(plan, folder)
    try:
        terms = plan.design.design().terms(
            documents, plan.coordinator, plan.sites, documents.recipe.size
        )
    except ValueError as error:
        raise PlanInvalid(f"design: {error}") from None
    _refuse_unregistered(chain, plan)
    try:
        documents.publish(store)
    except AuditError as error:
        raise PlanInvalid(str(error)) from None
    if study_id is None:
        assert plan.committee is not None
        committee = plan.committee
        receipt = chain.registry.propose_study(committee.reviewers, committee.threshold, terms)
        study_id = receipt.event(StudyProposed).study_id
    else:
        receipt = chain.registry.propose_version(study_id, terms)
    made = receipt.event(VersionProposed)
    return Proposed(study_id, made.version, terms, made.terms_hash)


def _refuse_unregistered(chain: Chain, plan: Plan) -> None:
    unknown = [site for site in plan.sites if chain.registry.site(site).registered_at == 0]
    if unknown:
        raise PlanInvalid(
            f"sites: {', '.join(unknown)} not registered on this chain; each site runs"
            " `assent site keys FOLDER --register` first"
        )


def recipe_of_plan(plan: Plan, folder: Path) -> Recipe:
    """The recipe that a plan names.

    Args:
        folder: the plan's.

    Raises:
        PlanInvalid: there is no such model or file, or they do not fit.
    """
    try:
        model = model_named(plan.model)
    except ValueError as error:
        raise PlanInvalid(f"model: {error}") from None
    if plan.recipe == "recommended":
        return recommended_recipe(model)
    try:
        recipe = parse_recipe(_bytes(folder / plan.recipe, "recipe"))
    except AuditError as error:
        raise PlanInvalid(f"recipe: {plan.recipe}: {error}") from None
    try:
        layout = learner_named(recipe.learner).layout(model)
    except ValueError as error:
        raise PlanInvalid(f"recipe: {plan.recipe}: {error}") from None
    if recipe.model != plan.model or recipe.layout != layout:
        raise PlanInvalid(f"recipe: {plan.recipe} is for model {recipe.model}, not {plan.model}")
    if recipe.learner == PRIOR and (recipe.adaptation_steps, recipe.adaptation_rate) != (1, 1.0):
        # Nothing reads them then, and reviewers would approve what does not happen.
        raise PlanInvalid(
            f"recipe: {plan.recipe}: the model says itself how a {PRIOR} is adapted;"
            " adaptation_steps and adaptation_rate must be 1"
        )
    return recipe


def _bytes(path: Path, member: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlanInvalid(f"{member}: {path} cannot be read: {error.strerror}") from None


def _text(path: Path, member: str) -> str:
    try:
        return _bytes(path, member).decode("utf-8")
    except UnicodeDecodeError:
        raise PlanInvalid(f"{member}: {path} is not UTF-8 text") from None
