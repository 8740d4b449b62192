"""Every wait of the tests has an end."""
import time


class Deadline:
    """A moment on the monotonic clock; `remaining` never returns 0 or less,
    because 0 means "do not wait" to a socket, and raises when it has passed."""

    def __init__(self, seconds, what="the wait"):
        self.seconds = seconds
        self.what = what
        self._end = time.monotonic() + seconds

    def passed(self):
        return time.monotonic() >= self._end

    def remaining(self):
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self.what} took longer than {self.seconds} s")
        return left


def eventually(condition, within=5.0, what="the condition"):
    """Polls until condition() is true and returns its value. For state that
    announces itself by no event (a gauge, a file of another process)."""
    deadline = Deadline(within, what)
    while True:
        value = condition()
        if value:
            return value
        deadline.remaining()
        time.sleep(0.01)
