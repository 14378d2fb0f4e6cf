"""`assent serve` as its operator runs it: it answers, says where, and ends on Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest

from stack.ports import free_port
from tests.desk import Desk, desk

__all__ = ["desk"]


def line(desk: Desk, *options: str) -> list[str]:
    return [sys.executable, "-m", "scripts.main", "serve", *options]


def test_it_serves_until_ctrl_c_and_leaves_nothing(desk: Desk) -> None:
    desk.write_key("serving", desk.world.accounts[31])
    port = free_port()
    options = ["--relayer-key", "serving.key", "--database", "serve.db"]
    desk.write_key("webhooks", desk.world.accounts[32])
    options += ["--webhook-key", "webhooks.key"]
    with subprocess.Popen(
        line(desk, *options),
        cwd=desk.folder,
        env={
            **os.environ,
            **desk.environment,
            "ASSENT_API_PORT": str(port),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        said = serving.stdout.readline()
        assert f"Serving http://localhost:{port}" in said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/studies") as answer:
            assert "items" in json.load(answer)
        children = psutil.Process(serving.pid).children(recursive=True)
        assert len(children) >= 2
        serving.send_signal(signal.SIGINT)
        _, err = serving.communicate(timeout=60)
    assert serving.returncode == 130
    assert "Traceback" not in err
    assert not [child for child in children if child.is_running()]
    assert (desk.folder / "serve.db").stat().st_mode & 0o077 == 0


def test_a_webhook_key_that_others_can_read_is_refused(desk: Desk) -> None:
    desk.write_key("open", desk.world.accounts[33]).chmod(0o644)
    refused = desk.assent("serve --webhook-key open.key")
    assert (refused.code, "webhook_keys: open.key is open to others" in refused.words) == (2, True)


def test_the_services_own_settings_are_heard_and_come_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk.folder / "half.json").write_text('{"chain_id": 31337, "genesis')
    monkeypatch.setenv("ASSENT_API_DEPLOYMENT", "half.json")
    refused = desk.assent("serve")
    assert (refused.code, "half.json is not a deployment file" in refused.words) == (2, True)


def test_a_port_in_use_and_half_a_deployment_file_are_said_at_once(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = desk.assent(f"serve --port {port}")
    assert refused.code == 3
    assert f"--port: {port} of 127.0.0.1 is in use by another program" in refused.words
    (desk.folder / "half.json").write_text('{"chain_id": 31337, "genesis')
    refused = desk.assent("serve --deployment half.json")
    assert refused.code == 2
    assert "half.json is not a deployment file" in refused.words


def test_what_is_unsafe_is_refused_by_name(desk: Desk) -> None:
    refused = desk.assent("serve --host 0.0.0.0 --public-url http://assent.example")
    assert refused.code == 2
    assert "public_url: 'http://assent.example'" in refused.words
    assert "is not https" in refused.words
