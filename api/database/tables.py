"""Every table of the service, imported so that migrations see them all."""

from api.database.model import Base
from api.enrolments import tables as _enrolments
from api.erasures import tables as _erasures
from api.index import tables as _index
from api.outbox import tables as _outbox
from api.receipts import tables as _receipts
from api.review.bundling import tables as _bundling
from api.signin import tables as _signin
from api.webhooks import tables as _webhooks

TABLES = (_index, _signin, _outbox, _bundling, _enrolments, _erasures, _receipts, _webhooks)
METADATA = Base.metadata
