"""The code of hydroxyurea's channel, alone, so that who writes records need not load torch."""

from __future__ import annotations

from typing import Final

HYDROXYUREA_CODE: Final = "rxnorm-5552"
"""RxNorm 5552, hydroxyurea (ingredient). LOINC has no code for its dose."""
