"""Every table of the service, imported so that migrations see them all."""

from api.database.model import Base
from api.index import tables as _index
from api.outbox import tables as _outbox
from api.signin import tables as _signin

TABLES = (_index, _signin, _outbox)
METADATA = Base.metadata
