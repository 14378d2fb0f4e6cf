"""What every answer of the service has, and what it does when something is away."""

from fastapi.testclient import TestClient

from tests.world import World


def test_it_runs_and_is_ready_only_while_its_index_keeps_up(
    client: TestClient, world: World
) -> None:
    for _ in range(13):
        world.chain().w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
    assert client.get("/healthz").json() == {"status": "ok"}
    behind = client.get("/readyz")
    assert behind.status_code == 503
    assert behind.json()["code"] == "not-ready"
    assert behind.headers["content-type"] == "application/problem+json"


def test_every_answer_names_its_request_and_forbids_what_browsers_could_be_made_to_do(
    client: TestClient,
) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    forged = client.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


def test_an_answer_that_is_known_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/problems")
    again = client.get("/problems", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_errors_are_problem_details_with_a_page_of_their_own(client: TestClient) -> None:
    missing = client.get("/nowhere")
    assert missing.status_code == 404
    body = missing.json()
    assert body["code"] == "not-found"
    assert body["request_id"] == missing.headers["x-request-id"]
    assert client.get(body["type"]).json()["code"] == "not-found"


def test_a_long_body_is_refused_before_it_is_read(client: TestClient) -> None:
    answer = client.post("/healthz", content=b"x" * 2_000_000)
    assert answer.status_code == 413
    assert answer.json()["code"] == "body-too-large"


def test_metrics_name_routes_and_never_paths(client: TestClient) -> None:
    client.get("/problems/not-found")
    shown = client.get("/metrics").text
    assert 'route="/problems/{code}"' in shown
    assert "not-found" not in shown
