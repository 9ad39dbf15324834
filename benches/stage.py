"""What the scripts of this directory share: processes, HTTP on loopback, and what /proc tells.

Standard library alone. Every process that is started here is stopped here, every loop has an end,
and only loopback addresses are used.
"""

import contextlib
import http.client
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
RUNNING = []
CHILDREN = []

# The demo client of the simulator.
CREDENTIALS = {
    "GENESYS_CLOUD_CLIENT_ID": "demo-client",
    "GENESYS_CLOUD_CLIENT_SECRET": "demo-secret",
}


# Processes


def start(command, environment=None, output=subprocess.DEVNULL, errors=subprocess.DEVNULL):
    """Starts a process of ours; only what a program needs is in its environment."""
    base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**base, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
    )
    RUNNING.append(process)
    return process


def stop(process):
    """Ends a process at once."""
    if process.poll() is None:
        process.kill()
    process.wait()
    RUNNING.remove(process)


@contextlib.contextmanager
def running(command, environment=None, errors=subprocess.DEVNULL):
    process = start(command, environment, errors=errors)
    try:
        yield process
    finally:
        stop(process)


@contextlib.contextmanager
def example(directory, name):
    """An example that prints its address."""
    process = start([directory / name], output=subprocess.PIPE)
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.stdout.close()
        stop(process)


class Child:
    """A function in a process of its own; its result comes back when it ends.

    A thread would share the interpreter's lock with whoever measures, and be measured with it.
    """

    def __init__(self, work, *arguments, niceness=0):
        context = multiprocessing.get_context("fork")
        self.result, sender = context.Pipe(duplex=False)

        def run():
            # A stop from outside is for the parent, which ends its children.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.nice(niceness)
            sender.send(work(*arguments))

        self.process = context.Process(target=run, daemon=True)
        self.process.start()
        sender.close()
        CHILDREN.append(self.process)

    def wait(self, deadline):
        """What the function returned, or nothing if it has not ended in so many seconds."""
        try:
            return self.result.recv() if self.result.poll(deadline) else None
        except EOFError:
            return None
        finally:
            self.end()

    def end(self):
        self.process.kill()
        self.process.join()
        if self.process in CHILDREN:
            CHILDREN.remove(self.process)


def enter(main):
    """Runs a script; whatever ends it, nothing is left running."""
    # A stop from outside unwinds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    finally:
        for child in list(CHILDREN):
            child.kill()
        for left in list(RUNNING):
            stop(left)


def require_tools(wanted):
    """`wanted` has the Debian package of each command."""
    missing = [package for command, package in wanted.items() if not shutil.which(command)]
    if missing:
        raise SystemExit(f"missing Debian packages: {' '.join(missing)}")


def built(binary):
    """The release binary to measure; without one everything is built."""
    if not binary:
        build = ["cargo", "build", "--release", "--locked", "--bin", "why403", "--examples"]
        subprocess.run(build, cwd=ROOT, stdin=subprocess.DEVNULL, check=True)
        binary = ROOT / "target/release/why403"
    return binary.resolve()


def raise_descriptors(wanted):
    """Allows this process and its children so many open files, if the machine does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# HTTP

# Never through a proxy: everything is on this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


def until_answered(address, path, deadline=15.0):
    """Waits for the first complete answer, without a pause between attempts."""
    host, port = address
    end = time.perf_counter() + deadline
    while time.perf_counter() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(host, port, timeout=2)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
            return
    raise SystemExit(f"no answer from {host}:{port}{path} in {deadline:.0f} s")


def get(url, method="GET", data=None, timeout=30, headers=None):
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    with DIRECT.open(request, timeout=timeout) as answer:
        return answer.read().decode()


def counts(upstream):
    return json.loads(get(f"{upstream}/figures/counts"))


def samples(url, name):
    """The sum of all samples of a metric."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", get(url), re.MULTILINE)
    return sum(float(value) for value in found)


def wait_for(what, condition, deadline=30.0, pause=0.1):
    """Asks until `condition` holds; says what was waited for if it never does."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if condition():
                return
        time.sleep(pause)
    raise SystemExit(f"waited {deadline:.0f} s in vain until {what}")


def ask_once(port, path, timeout):
    """The status of one request on a connection of its own, or what was in its way."""
    request = f"GET {path} HTTP/1.1\r\nhost: {LOOPBACK}\r\nconnection: close\r\n\r\n"
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout) as connection:
            connection.sendall(request.encode("ascii"))
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
    except OSError as error:
        return type(error).__name__
    return answer[9:12].decode("ascii", "replace") if answer else "closed"


# What is measured


def watch(port, paths, seconds, every=0.1, timeout=2.0):
    """Asks for the paths in turns, as a kubelet would, only more often.

    Returns path, status (or the error) and milliseconds of each.
    """
    found = []
    began = time.perf_counter()
    turn = 0
    while (now := time.perf_counter()) < began + seconds:
        path = paths[turn % len(paths)]
        status = ask_once(port, path, timeout)
        found.append((path, status, (time.perf_counter() - now) * 1000))
        turn += 1
        time.sleep(max(0.0, began + turn * every - time.perf_counter()))
    return found


def percentile(values, share):
    """The smallest value that is at least as large as `share` of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values):
    return statistics.median(values)


def kilobytes(process, what):
    """A size of the process: VmRSS is what it holds now, VmHWM the most that it ever held."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"{what}:\s+(\d+)", status).group(1))


def resident_megabytes(process):
    return kilobytes(process, "VmRSS") * 1024 / 1e6


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def threads(process):
    return kilobytes(process, "Threads")


def processor_seconds(process):
    """Time that the process has had a processor."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Sampler:
    """Looks at a process again and again, in a thread, for as long as it is entered."""

    def __init__(self, process, every=0.5):
        self.process = process
        self.every = every
        self.megabytes, self.descriptors, self.threads = [], [], []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        while not self.over.is_set() and self.process.poll() is None:
            with contextlib.suppress(OSError, AttributeError):
                self.megabytes.append(resident_megabytes(self.process))
                self.descriptors.append(descriptors(self.process))
                self.threads.append(threads(self.process))
            self.over.wait(self.every)


class Promises:
    """What must hold; everything is looked at before the script ends with what was broken."""

    def __init__(self):
        self.broken = []

    def holds(self, promise, is_kept, measured):
        """Notes a promise, and what was measured of it."""
        print(f"{'ok    ' if is_kept else 'BROKEN'}  {promise}: {measured}")
        if not is_kept:
            self.broken.append(promise)

    def status(self):
        if self.broken:
            print(f"\n{len(self.broken)} promises are broken.", file=sys.stderr)
        return 1 if self.broken else 0
