"""Every table of the service, imported so that migrations see them all."""

from api.database.model import Base
from api.index import tables as _index

TABLES = (_index,)
METADATA = Base.metadata
