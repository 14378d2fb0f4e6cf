"""The documents behind the hashes in the terms: protocol, consent text, DPIA, recipe, app, first
prior.
"""

from __future__ import annotations

import io
import zipfile

from audit import canonical_json, checkpoint, recipe
from audit.checks.context import Context, place_of
from audit.cid import sha256
from audit.fields import hex_of
from audit.history import VersionFacts
from chain.messages import Terms

MAX_APP_FILES = 10_000
MAX_APP_BYTES = 256 << 20

_HASHES = {
    "app.fab": "app_hash",
    "consent-text.json": "consent_text_hash",
    "dpia": "dpia_hash",
    "protocol": "protocol_hash",
    "recipe.json": "recipe_hash",
}


def check_documents(context: Context) -> None:
    """Adds `document` or `app.hash` for each file of each version, `app.content`, `recipe`,
    `consent-text` and `initial-checkpoint`; versions that never came into force may lack theirs.
    """
    state = context.state
    if state is None:
        return
    for version in state.history.versions.values():
        prefix = f"documents/{version.version}/"
        held = any(path.startswith(prefix) for path in context.bundle.files)
        if version.activated is not None or held:
            with context.record.group("documents", prefix):
                _check_version(context, version)


def _check_version(context: Context, version: VersionFacts) -> None:
    good: dict[str, bytes] = {}
    for name, field in _HASHES.items():
        data = context.bundle.document(version.version, name)
        path = f"documents/{version.version}/{name}"
        check = "app.hash" if name == "app.fab" else "document"
        if data is None:
            context.record.fail(check, path, "it is not in the bundle")
            continue
        wanted = getattr(version.terms, field)
        same = sha256(data) == wanted
        detail = f"the terms fix SHA-256 {hex_of(wanted)}"
        context.record.add(check, path, same, detail + ("" if same else ", it has another"))
        if same:
            good[name] = data
    path = f"documents/{version.version}/"
    if "app.fab" in good:
        with context.record.group("app.content", path + "app.fab"):
            check_app(context, path + "app.fab", good["app.fab"])
    if "consent-text.json" in good:
        with context.record.group("consent-text", path + "consent-text.json"):
            canonical_json.loads(good["consent-text.json"], "the consent text")
    if "recipe.json" in good:
        with context.record.group("recipe", path + "recipe.json"):
            _check_recipe(context, version, recipe.parse(good["recipe.json"]))
    with context.record.group("initial-checkpoint", f"version {version.version}"):
        _check_initial(context, version.version, version.terms)


def check_app(context: Context, path: str, data: bytes) -> None:
    """A Flower App Bundle lists its files in .info/CONTENT as `path,sha256,size in bits`."""
    with zipfile.ZipFile(io.BytesIO(data)) as fab:
        entries = fab.infolist()
        total = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_APP_FILES or total > MAX_APP_BYTES:
            raise ValueError(f"the app holds {len(entries)} files of {total} bytes: too many")
        names = [entry.filename for entry in entries]
        if len(set(names)) != len(names):
            raise ValueError("the app holds two files of one name")
        listed = set(fab.read(".info/CONTENT").decode("utf-8").splitlines())
        held = set()
        for name in names:
            if not name.startswith(".info/"):
                content = fab.read(name)
                held.add(f"{name},{sha256(content).hex()},{len(content) * 8}")
    differing = sorted(line.split(",")[0] for line in listed ^ held)
    detail = f"{len(held)} files, as its own .info/CONTENT lists them"
    if differing:
        detail = f"its .info/CONTENT says otherwise of {', '.join(differing[:5])}"
    context.record.add("app.content", path, not differing, detail)


def _check_recipe(context: Context, version: VersionFacts, found: recipe.Recipe) -> None:
    fits = found.size == version.terms.vector_length
    context.record.add(
        "recipe",
        f"documents/{version.version}/recipe.json",
        fits,
        f"model {found.model}, {found.size} numbers; the terms want {version.terms.vector_length}",
    )
    if fits:
        context.recipes[version.version] = found


def _check_initial(context: Context, version: int, terms: Terms) -> None:
    where = place_of(context.cid(terms.initial_checkpoint))
    data = context.object(terms.initial_checkpoint)
    if data is None:
        context.record.fail(
            "initial-checkpoint", where, f"version {version} starts from it; it is not there"
        )
        return
    first = checkpoint.read(data)
    context.newest = (terms.initial_checkpoint, first)
    known = context.recipes.get(version)
    fits = known is None or (known.layout, known.model) == (first.layout, first.model)
    untouched = first.step == 0 and not first.first_moment.any() and not first.second_moment.any()
    context.record.add(
        "initial-checkpoint",
        where,
        fits and untouched and (first.beta1_power, first.beta2_power) == (1.0, 1.0),
        f"version {version} starts from it; its layout is the recipe's, its optimiser is fresh",
    )
