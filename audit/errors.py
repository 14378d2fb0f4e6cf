"""What audit functions raise. Each message names the thing and what is wrong with it."""


class AuditError(ValueError):
    """Any refusal by audit functions."""


class NotCanonical(AuditError):
    """Bytes are not the one canonical form of what they say."""


class EncodingRefused(AuditError):
    """A vector, bound or sum does not fit the fixed-point codec."""


class CheckpointInvalid(AuditError):
    """Checkpoint bytes or fields that cannot be a checkpoint."""


class RecipeInvalid(AuditError):
    """Recipe bytes or fields that cannot be a recipe."""


class ManifestInvalid(AuditError):
    """Manifest bytes or fields that cannot be a manifest."""


class UpdateRefused(AuditError):
    """Base, sum, count, terms and recipe do not fit together, or the update left the finite
    numbers.
    """


class SumTooLong(UpdateRefused):
    """The sum is longer than honest sites' vectors can be; no update is made of it."""


class CohortInvalid(AuditError):
    """A cohort tree or proof was asked for that cannot exist."""


class ProofInvalid(AuditError):
    """A header, account or storage proof that does not prove what it is given for."""


class HistoryInvalid(AuditError):
    """Events that no run of the contracts can have emitted in this order."""


class DisclosureInvalid(AuditError):
    """Bytes that cannot be a site's disclosure of a cohort."""


class ReplayInvalid(AuditError):
    """Bytes that cannot be a site's report of a replay."""


class CarInvalid(AuditError):
    """A file that is not the one CAR file of the objects it names."""


class BundleUnusable(AuditError):
    """A folder that cannot be read as a bundle at all."""
