"""What a request sees of consents, rounds and their events, in one database transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from api.fhir import repository
from api.fhir.audit_resource import audit_event
from api.fhir.consent_resource import consent_of_token, consent_resource
from api.fhir.consent_versions import Version, asked_of, newest_version, versions
from api.fhir.disclosure_resource import disclosures
from api.fhir.naming import (
    Naming,
    Resource,
    disclosure_of_id,
    numbers_of_id,
    token_of_id,
)
from api.fhir.provenance_resource import provenance
from api.index.repository import newest_block
from api.index.state import study_state
from api.problems import NotFound
from audit.consent_state import StudyState
from audit.history import Token
from chain.blocks import Block
from chain.chain import Chain
from chain.events import ReviewerReplaced, StudyProposed, decode
from chain.messages import split_token_id


@dataclass
class Reading:
    """Everything is told as of `block`, the newest indexed; the chain is asked there too."""

    database: Session
    chain: Chain
    naming: Naming
    block: Block
    _states: dict[int, StudyState] = field(default_factory=dict)

    @classmethod
    def of(cls, database: Session, chain: Chain, naming: Naming) -> Reading:
        """Raises NotFound while nothing is indexed."""
        block = newest_block(database)
        if block is None:
            raise NotFound("nothing of the chain has been read yet")
        return cls(database, chain, naming, block)

    def state(self, study_id: int) -> StudyState:
        """A study. Raises NotFound."""
        if study_id not in self._states:
            self._states[study_id] = study_state(self.database, study_id)
        return self._states[study_id]

    def token_to_see(self, id_: str, address: str) -> Token:
        """A consent's token, for its holder, its site and the study's committee.

        Raises NotFound: there is none, or it is somebody else's.
        """
        token_id = token_of_id(id_)
        token = None if token_id is None else self._token(token_id)
        if token is None:
            raise NotFound("there is no such Consent")
        seen_by = (token.grant.holder, token.grant.site)
        if address not in (*seen_by, *self.state(token.grant.study_id).reviewers):
            raise NotFound("there is no such Consent")
        return token

    def consent(self, token: Token) -> Resource:
        """A token as it stands; whether it is active is the chain's own answer."""
        state, now = self.state(token.grant.study_id), self.block.timestamp
        asked = asked_of(state)
        active = self.chain.consent.is_consent_active(
            token.token_id, asked, now, block=self.block.number
        )
        return self.consent_as(token, newest_version(state, token, now, active))

    def consent_as(self, token: Token, version: Version) -> Resource:
        """A token as it was in one of its versions."""
        return consent_resource(token, version, self.naming)

    def consent_versions(self, token: Token) -> list[Version]:
        """Every version of a token until now, oldest first."""
        return versions(self.state(token.grant.study_id), token, self.block.timestamp)

    def consents(self, address: str, after: str | None) -> Iterator[Resource]:
        """Every consent that an account may see, by token id, as the events tell.

        For a search: what is shown of them comes from `consent`.
        """
        begin = None if after is None else token_of_id(after)
        studies = self.studies_reviewed_by(address)
        for token_id in repository.tokens_to_see(self.database, address, studies, begin):
            token = self._token(token_id)
            if token is not None:
                state = self.state(token.grant.study_id)
                version = newest_version(state, token, self.block.timestamp)
                yield consent_of_token(token, version, self.naming)

    def studies_reviewed_by(self, address: str) -> list[int]:
        """The studies whose committee an account sits on."""
        committees: dict[int, set[str]] = {}
        for record in repository.committee_events(self.database):
            match decode(record):
                case StudyProposed(study_id=study_id, reviewers=reviewers):
                    committees[study_id] = set(reviewers)
                case ReviewerReplaced(study_id=study_id, outgoing=outgoing, incoming=incoming):
                    committees[study_id] = committees[study_id] - {outgoing} | {incoming}
        return [study_id for study_id, members in committees.items() if address in members]

    def disclosures(self, address: str, after: str | None) -> Iterator[Resource]:
        """The accounting for one holder, by token and round."""
        begin = (-1, 0) if after is None else disclosure_of_id(after) or (-1, 0)
        for token_id in repository.tokens_held(self.database, address):
            token = self._token(token_id)
            if token is None or token_id < begin[0]:
                continue
            found = disclosures(self.state(token.grant.study_id), token, self.naming)
            for one in found:
                place = disclosure_of_id(one["id"])
                if place is not None and place > begin:
                    yield one

    def disclosure(self, id_: str, address: str) -> Resource:
        """One of them. Raises NotFound."""
        token_id, _ = disclosure_of_id(id_) or (0, 0)
        token = self._token(token_id)
        if token is not None and token.grant.holder == address:
            state = self.state(token.grant.study_id)
            for one in disclosures(state, token, self.naming):
                if one["id"] == id_:
                    return one
        raise NotFound("there is no such AuditEvent")

    def audit_event(self, id_: str) -> Resource:
        """One event of a round. Raises NotFound."""
        place = numbers_of_id(id_)
        found = None if place is None else repository.round_event(self.database, *place)
        if found is None:
            raise NotFound("there is no such AuditEvent")
        return self._audit_event(found)

    def audit_events(
        self,
        after: str | None,
        since: int | None = None,
        before: int | None = None,
        study_id: int | None = None,
    ) -> Iterator[Resource]:
        """Events of all rounds, in the chain's order."""
        begin = None if after is None else numbers_of_id(after)
        for found in repository.round_events(self.database, begin, since, before, study_id):
            yield self._audit_event(found)

    def provenance(self, id_: str) -> Resource:
        """One closed round. Raises NotFound."""
        study_id, number = numbers_of_id(id_) or (0, 0)
        history = self.state(study_id).history
        facts = history.rounds.get(number)
        if facts is None or facts.closed is None:
            raise NotFound("there is no such Provenance")
        return provenance(history, number, self.naming)

    def provenances(self, after: str | None) -> Iterator[Resource]:
        """Every closed round, by study and number."""
        begin = (0, 0) if after is None else numbers_of_id(after) or (0, 0)
        for study_id in repository.studies_with_closed_rounds(self.database):
            if study_id < begin[0]:
                continue
            history = self.state(study_id).history
            for number, facts in history.rounds.items():
                if facts.closed is not None and (study_id, number) > begin:
                    yield provenance(history, number, self.naming)

    def _audit_event(self, found: repository.FoundEvent) -> Resource:
        event, place = found
        history = self.state(event.study_id).history
        version = history.rounds[event.round].opened.version
        return audit_event(event, place, history.versions[version].terms, self.naming)

    def _token(self, token_id: int) -> Token | None:
        study_id, site, index = split_token_id(token_id)
        if not 0 < study_id < 1 << 63:
            return None
        try:
            tokens = self.state(study_id).tokens(site)
        except NotFound:
            return None
        return tokens[index] if index < len(tokens) else None
