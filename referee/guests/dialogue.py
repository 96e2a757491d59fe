"""The two ends that the host talks to: QEMU's monitor, and the shell in the guest."""

import gzip
import hashlib
import json
import re
import socket
import subprocess
import time


class Gone(Exception):
    """The guest or QEMU went away, or did not answer in time."""


class Lines:
    """Lines and bytes from a socket, each with a deadline."""

    def __init__(self, path, process, seconds):
        deadline = time.monotonic() + seconds
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError as error:
                self.socket.close()
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Gone("QEMU does not listen") from error
                time.sleep(0.02)
        self.kept = b""

    def fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Gone("no answer in time")
        self.socket.settimeout(left)
        try:
            came = self.socket.recv(65536)
        except TimeoutError as error:
            raise Gone("no answer in time") from error
        except OSError as error:
            raise Gone(f"the connection broke: {error}") from error
        if not came:
            raise Gone("the connection ended")
        self.kept += came

    def line(self, deadline):
        while b"\n" not in self.kept:
            self.fill(deadline)
        line, self.kept = self.kept.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def bytes(self, count, deadline):
        while len(self.kept) < count:
            self.fill(deadline)
        out, self.kept = self.kept[:count], self.kept[count:]
        return out

    def send(self, text):
        try:
            self.socket.sendall(text.encode() + b"\n")
        except OSError as error:
            raise Gone(f"the connection broke: {error}") from error


class Qemu:
    """A running QEMU and its monitor (QMP)."""

    LIMIT = 20

    def __init__(self, arguments, work):
        self.stderr = open(f"{work}/qemu.err", "wb")
        self.process = subprocess.Popen(
            [*arguments, "-qmp", f"unix:{work}/qmp,server=on,wait=off"], stdin=subprocess.DEVNULL, stderr=self.stderr
        )
        self.events = []
        try:
            self.lines = Lines(f"{work}/qmp", self.process, self.LIMIT)
            self.answer("QMP", time.monotonic() + self.LIMIT)
            self.do("qmp_capabilities")
        except Gone:
            self.end()
            raise

    def answer(self, key, deadline):
        """The next message that is no event; events are kept."""
        while True:
            message = json.loads(self.lines.line(deadline))
            if "event" in message:
                self.events.append(message)
            elif key in message:
                return message[key]
            elif "error" in message:
                raise ValueError(message["error"]["desc"])

    def do(self, command, **arguments):
        """One command; its answer. ValueError: QEMU refuses it, with its words."""
        names = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.lines.send(json.dumps({"execute": command, "arguments": names}))
        return self.answer("return", time.monotonic() + self.LIMIT)

    def event(self, is_wanted, seconds):
        """The first event that is wanted, kept or new; None if there is none in time."""
        deadline = time.monotonic() + seconds
        while True:
            for index, event in enumerate(self.events):
                if is_wanted(event):
                    return self.events.pop(index)
            try:
                message = json.loads(self.lines.line(deadline))
            except Gone:
                if self.process.poll() is not None:
                    raise
                return None
            if "event" in message:
                self.events.append(message)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.stderr.close()


class Guest:
    """The shell at the other end of the second serial port; `init` has the protocol."""

    BOOT_LIMIT = 120
    LIMIT = 90

    def __init__(self, path, process):
        self.lines = Lines(path, process, 10)
        self.served(self.BOOT_LIMIT)

    def served(self, seconds):
        """Waits until a kernel has booted and serves."""
        deadline = time.monotonic() + seconds
        while "guest: serving" not in self.lines.line(deadline):
            pass

    def run(self, command, seconds=LIMIT):
        """Runs one line in the guest: its exit status, and the bytes that it printed on either stream."""
        self.ask(command)
        deadline = time.monotonic() + seconds
        return self.answer(self.lines.line(deadline), deadline)

    def ask(self, command):
        """Sends one line."""
        assert "\n" not in command
        # The answer to one command must not be taken for the next one's.
        assert not self.lines.kept
        self.lines.send(command)

    def answer(self, line, deadline):
        """What `run` returns, after the first line of the guest's answer came."""
        head = re.fullmatch(r"guest: (\d+) (\d+) ([0-9a-f]{64})", line)
        if not head:
            raise Gone(f"the guest does not keep to the protocol: {line[:80]}")
        body = self.lines.bytes(int(head[2]), deadline)
        if hashlib.sha256(body).hexdigest() != head[3]:
            raise Gone("an answer was damaged on its way")
        return int(head[1]), gzip.decompress(body)

    def jump(self, command, seconds=BOOT_LIMIT):
        """Runs a command that ends this kernel, and waits until the next one serves. ValueError: it came back."""
        self.ask(command)
        deadline = time.monotonic() + seconds
        # What the machine writes to the port while it changes kernels is no answer.
        while "guest: serving" not in (line := self.lines.line(deadline)):
            if re.fullmatch(r"guest: \d+ \d+ [0-9a-f]{64}", line):
                status, out = self.answer(line, deadline)
                raise ValueError(f"`{command}` came back: status {status}: {out.decode(errors='replace').strip()}")

    def text(self, command, seconds=LIMIT):
        """What a command prints, which must succeed."""
        status, out = self.run(command, seconds)
        out = out.decode(errors="replace")
        if status:
            raise ValueError(f"`{command}` in the guest: status {status}: {out.strip()}")
        return out

    def until(self, test, seconds):
        """Whether a test of the shell's comes true in the guest within this time. Looks five times a second."""
        turns = int(seconds * 5)
        line = f"n=0; until {test}; do n=$((n+1)); [ $n -lt {turns} ] || exit 1; usleep 200000; done"
        return self.run(line, seconds * 4 + self.LIMIT)[0] == 0
