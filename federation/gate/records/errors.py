"""Errors that stop a load or a read. A single bad line never raises: it is a `Rejection`.

    RecordsError
    |-- InputMissing, InputEmpty, InputChanged, InputUnreadable
    |-- MappingInvalid
    |-- StoreMissing, StorePermissions, StoreCorrupt, StoreRefused, StoreVersionUnsupported,
    |   StoreBusy
    |-- RecordUnknown
    |-- ChannelUnknown
    `-- DatasetChanged

Messages name files, columns and codes, never a patient's name or value.
"""

from __future__ import annotations


class RecordsError(Exception):
    """Base of every error of this package."""


class InputMissing(RecordsError):
    """A file or folder to load does not exist."""


class InputEmpty(RecordsError):
    """A folder holds no file of the expected kind."""


class InputChanged(RecordsError):
    """A file was altered while it was being loaded; nothing of the load was kept."""


class InputUnreadable(RecordsError):
    """The operating system refused to open or read a file."""


class MappingInvalid(RecordsError):
    """A LIS mapping file is not usable; the message lists every place that is wrong."""


class StoreMissing(RecordsError):
    """There is no record store, or no folder for one, at the path."""


class StorePermissions(RecordsError):
    """The store's file belongs to another user or can be read by others."""


class StoreCorrupt(RecordsError):
    """The file is not an Assent record store or SQLite finds it damaged."""


class StoreRefused(RecordsError):
    """SQLite cannot read or write the store's file, as when its disk is full."""


class StoreVersionUnsupported(RecordsError):
    """The store was written by another version of the schema."""


class StoreBusy(RecordsError):
    """Another process is writing to the store."""


class RecordUnknown(RecordsError):
    """No patient of this store has the record id."""


class ChannelUnknown(RecordsError):
    """A (LOINC, UCUM unit) pair that the code table cannot serve."""


class DatasetChanged(RecordsError):
    """An installed public dataset is not the one that was described."""
