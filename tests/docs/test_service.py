"""docs/service.md names every setting, and no other."""

import re

from api.settings import Settings
from tests.docs.page import page


def test_every_setting_is_on_the_page_and_no_other() -> None:
    named = set(re.findall(r"`ASSENT_API_([A-Z_]+)`", page("service.md")))
    assert named == {name.upper() for name in Settings.model_fields}
