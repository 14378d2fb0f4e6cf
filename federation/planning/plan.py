"""A sponsor's plan: the YAML file from which a study, or its next version, is proposed.

    format: assent-plan-1
    protocol: protocol.md                 # paths are relative to the plan
    consent_texts:                        # one plain text (UTF-8) a language (BCP 47, 8 characters)
      en: consent.en.txt
    dpia: dpia.md                         # data protection impact assessment
    model: pbc-log-linear-1
    recipe: recommended                   # or the path of a recipe (canonical JSON)
    coordinator: "0x..."
    sites: ["0x...", "0x..."]
    committee:                            # of a study; a new version keeps the first's
      reviewers: ["0x...", "0x...", "0x..."]
      threshold: 2
    design:                               # members of StudyDesign; purposes and undertakings by
      disease: MONDO:0005388              # name, the disease by its term of MONDO

Every scalar is read as text and then checked, so that `1e-5` and an unquoted address mean what they
say. Unknown members are refused.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from eth_utils.address import is_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from audit.data_use import CONDITIONS, is_valid
from chain.messages import LateRevocation, Purpose, language_tag
from federation.planning.design import StudyDesign
from study.data_use_text import parse_disease, purposes_named, uses_named


class PlanInvalid(Exception):
    """A plan cannot be used. The message names the file and each member at fault."""


def _address(text: str) -> str:
    if not is_checksum_address(text):
        raise ValueError(f"{text} is not an address with its EIP-55 checksum")
    return text


def _use(name: str) -> str:
    uses_named([name])
    return name


def _undertaking(name: str) -> str:
    if not purposes_named([name]) & CONDITIONS:
        known = ", ".join(str(one.name).lower() for one in Purpose if one & CONDITIONS)
        raise ValueError(f"{name!r} is nothing that a study can undertake; there are {known}")
    return name


def _disease(term: str) -> str:
    parse_disease(term)
    return term


Address = Annotated[str, AfterValidator(_address)]
Seconds = Annotated[int, Field(ge=1, lt=2**32)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Committee(_Strict):
    """Who reviews, and how many of them must approve."""

    reviewers: Annotated[list[Address], Field(min_length=2, max_length=32)]
    threshold: Annotated[int, Field(ge=1)]

    @field_validator("threshold")
    @classmethod
    def _reachable(cls, threshold: int, info: Any) -> int:
        reviewers = info.data.get("reviewers", [])
        if len(set(reviewers)) != len(reviewers):
            raise ValueError("a reviewer is named twice")
        if reviewers and threshold > len(reviewers):
            raise ValueError(f"{threshold} of {len(reviewers)} reviewers cannot approve")
        if threshold < 2:
            raise ValueError("at least 2 reviewers must approve: no key alone approves a study")
        return threshold


_DEFAULT = StudyDesign()


class DesignPlan(_Strict):
    """`StudyDesign` as a plan gives it; what is left out has its default."""

    purposes: Annotated[list[Annotated[str, AfterValidator(_use)]], Field(min_length=1)] = [
        "disease_specific_research",
        "training",
    ]
    disease: Annotated[str, AfterValidator(_disease)] | None = Field(
        default=None, validate_default=True
    )
    undertakings: list[Annotated[str, AfterValidator(_undertaking)]] = []
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _DEFAULT.epsilon
    delta: Annotated[Decimal, Field(gt=0, lt=1)] = _DEFAULT.delta
    rounds: Annotated[int, Field(ge=1)] = _DEFAULT.rounds
    clipping_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] = _DEFAULT.clipping_norm
    min_cohort: Annotated[int, Field(ge=1, lt=2**32)] = _DEFAULT.min_cohort
    min_sites: Annotated[int, Field(ge=2, lt=2**16)] = _DEFAULT.min_sites
    tolerated_colluders: Annotated[int, Field(ge=0, lt=2**16)] = _DEFAULT.tolerated_colluders
    commit_seconds: Seconds = _DEFAULT.commit_seconds
    seal_seconds: Seconds = _DEFAULT.seal_seconds
    delivery_seconds: Seconds = _DEFAULT.delivery_seconds
    close_seconds: Seconds = _DEFAULT.close_seconds
    challenge_seconds: Seconds = _DEFAULT.challenge_seconds
    answer_seconds: Seconds = _DEFAULT.answer_seconds
    waiting_rounds: Annotated[int, Field(ge=0, lt=2**16)] = _DEFAULT.waiting_rounds
    max_charged_aborts: Annotated[int, Field(ge=1, lt=2**16)] = _DEFAULT.max_charged_aborts
    late_revocation: Literal["abandon", "proceed"] = "abandon"

    @field_validator("purposes")
    @classmethod
    def _trains(cls, names: list[str]) -> list[str]:
        if Purpose.TRAINING not in purposes_named(names):
            raise ValueError("training must be among them: it is what a round does")
        return names

    @field_validator("disease")
    @classmethod
    def _fits_purposes(cls, disease: str | None, info: Any) -> str | None:
        purposes = purposes_named(info.data.get("purposes", []))
        if purposes and not is_valid(purposes, parse_disease(disease) if disease else 0):
            raise ValueError(
                "a study for disease_specific_research names its disease, such as MONDO:0005388"
                if disease is None
                else "only a study for disease_specific_research names a disease"
            )
        return disease

    @field_validator("tolerated_colluders")
    @classmethod
    def _leaves_two(cls, colluders: int, info: Any) -> int:
        if info.data.get("min_sites", 0) and info.data["min_sites"] - colluders < 2:
            raise ValueError("must leave at least 2 of min_sites")
        return colluders

    def design(self) -> StudyDesign:
        """The design."""
        given = {field.name: getattr(self, field.name) for field in fields(StudyDesign)}
        given["purposes"] = purposes_named(self.purposes)
        given["undertakings"] = purposes_named(self.undertakings)
        given["disease"] = parse_disease(self.disease) if self.disease else 0
        given["late_revocation"] = LateRevocation[self.late_revocation.upper()]
        return StudyDesign(**given)


class Plan(_Strict):
    """A checked plan; its paths are as written, relative to the plan's folder."""

    format: Literal["assent-plan-1"]
    protocol: Annotated[str, Field(min_length=1)]
    consent_texts: Annotated[dict[str, str], Field(min_length=1)]
    dpia: Annotated[str, Field(min_length=1)]
    model: str = "pbc-log-linear-1"
    recipe: str = "recommended"
    coordinator: Address
    sites: Annotated[list[Address], Field(min_length=2)]
    committee: Committee | None = None
    design: DesignPlan

    @field_validator("consent_texts")
    @classmethod
    def _tagged(cls, texts: dict[str, str]) -> dict[str, str]:
        for tag in texts:
            language_tag(tag)
        return texts

    @field_validator("sites")
    @classmethod
    def _distinct(cls, sites: list[str]) -> list[str]:
        if len(set(sites)) != len(sites):
            raise ValueError("a site is named twice")
        return sites

    @field_validator("design")
    @classmethod
    def _enough_sites(cls, design: DesignPlan, info: Any) -> DesignPlan:
        sites = info.data.get("sites", [])
        if sites and len(sites) < design.min_sites:
            raise ValueError(f"min_sites is {design.min_sites}, and there are {len(sites)} sites")
        return design


def read_plan(path: Path) -> Plan:
    """Reads and checks a plan.

    Raises:
        PlanInvalid: it names each member at fault, a line each.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanInvalid(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PlanInvalid(f"{path} is not UTF-8 text: {error}") from None
    try:
        found = yaml.load(text, Loader=_TextLoader)  # noqa: S506, it makes texts, lists and dicts
    except (yaml.YAMLError, RecursionError) as error:
        raise PlanInvalid(f"{path} is not YAML: {error}") from None
    if not isinstance(found, dict):
        raise PlanInvalid(f"{path}: must be a YAML mapping, beginning with format: assent-plan-1")
    try:
        return Plan.model_validate(found)
    except ValidationError as error:
        raise PlanInvalid(
            "\n".join(
                f"{path}: {'.'.join(str(part) for part in problem['loc']) or 'the whole'}:"
                f" {problem['msg'].removeprefix('Value error, ')}"
                for problem in error.errors(include_url=False)
            )
        ) from None


class _TextLoader(yaml.BaseLoader):
    """Every scalar is text; of two equal keys neither is dropped in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        made = super().construct_mapping(node, deep)
        if len(made) != len(node.value):
            raise yaml.constructor.ConstructorError(
                None, None, "a key is given twice", node.start_mark
            )
        return made
