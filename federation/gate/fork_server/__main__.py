"""`python -m federation.gate.fork_server`: run a site's fork server until its SuperNode ends."""

import argparse
import logging
import os
import sys
from pathlib import Path

from federation.gate.fork_server.libraries import (
    FIXED_ENVIRONMENT,
    UnusableEnvironmentError,
    check_flwr_version,
    import_libraries,
)


def main() -> int:
    """Run the server; 0 when it ended as it should, 1 when it could not start."""
    arguments = _parser().parse_args()
    if not arguments.supernode_pid and arguments.lifeline_fd is None:
        _parser().error("name what the server lives with: --supernode-pid or --lifeline-fd")
    _log_to_stderr()
    sys.path[:] = [entry for entry in sys.path if Path(entry).is_absolute()]
    os.environ.update(FIXED_ENVIRONMENT)
    try:
        check_flwr_version()
        import_libraries()
        return _serve(arguments)
    except UnusableEnvironmentError as error:
        print(f"fork server: {error}", file=sys.stderr)
        return 1


def _log_to_stderr() -> None:
    """Show our own lines only: libraries name addresses and tokens in theirs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    ours = logging.getLogger("assent")
    ours.setLevel(logging.INFO)
    ours.addHandler(handler)
    ours.propagate = False


def _serve(arguments: argparse.Namespace) -> int:
    # These bring in flwr, which reads the environment when it is imported.
    from federation.gate.fork_server.listener import open_listener
    from federation.gate.fork_server.server import ForkServer, ServerConfig

    listener = open_listener(arguments.socket)
    config = ServerConfig(
        socket_path=arguments.socket,
        gate=arguments.gate,
        gate_timeout_seconds=arguments.gate_timeout_seconds,
        after=arguments.after,
        supernode_pids=tuple(arguments.supernode_pid),
        lifeline=arguments.lifeline_fd,
    )
    logging.getLogger("assent.fork_server").info("ready at %s", arguments.socket)
    if arguments.ready_fd is not None:
        os.write(arguments.ready_fd, b"ready\n")
        os.close(arguments.ready_fd)
    try:
        ForkServer(config, listener).serve()
    finally:
        arguments.socket.unlink(missing_ok=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m federation.gate.fork_server",
        description="Fork a process for every message that a site's SuperNode receives.",
    )
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument(
        "--gate",
        default="federation.gate.gate:decide",
        metavar="MODULE:FUNCTION",
        help="called as FUNCTION(app_dir, fab_hash) before an app is loaded (default: %(default)s)",
    )
    parser.add_argument("--gate-timeout-seconds", type=float, default=120.0, metavar="SECONDS")
    parser.add_argument(
        "--after",
        default="federation.gate.deliveries:watch",
        metavar="MODULE:FUNCTION",
        help='called as FUNCTION() after a message that ended well; "" for nothing'
        " (default: %(default)s)",
    )
    parser.add_argument(
        "--supernode-pid",
        type=int,
        action="append",
        default=[],
        metavar="PID",
        help="end when this process has ended (given more than once: all of them)",
    )
    parser.add_argument(
        "--lifeline-fd",
        type=int,
        metavar="FD",
        help="an inherited pipe's reading end: end when its writing end is closed",
    )
    parser.add_argument(
        "--ready-fd", type=int, metavar="FD", help='write "ready" here when requests are served'
    )
    return parser


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)  # some libraries complain at length when they are taken apart
