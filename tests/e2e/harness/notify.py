"""The receiving end of systemd's sd_notify(3) protocol."""
import socket

from .deadline import Deadline


class NotifySocket:
    """A datagram socket to name in NOTIFY_SOCKET; keeps the states in order."""

    def __init__(self, path):
        self.path = str(path)
        self.states = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)

    def poll(self):
        """Takes what has come already."""
        self._socket.setblocking(False)
        while True:
            try:
                self.states += self._socket.recv(65536).decode().splitlines()
            except BlockingIOError:
                return self.states

    def wait(self, state, since=0, within=20.0, alive=lambda: True):
        """Waits for `state` among those after index `since`; its index + 1."""
        deadline = Deadline(within, f"{state} (states so far: {self.states[since:]})")
        while True:
            for index, seen in enumerate(self.poll()[since:], since):
                if seen == state:
                    return index + 1
            if not alive():
                raise AssertionError(f"the process ended before {state}")
            self._socket.settimeout(min(0.1, deadline.remaining()))
            try:
                self.states += self._socket.recv(65536).decode().splitlines()
            except TimeoutError:
                deadline.remaining()

    def close(self):
        self._socket.close()
