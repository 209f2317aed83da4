"""background: work that a test does beside itself, in a thread."""

import threading


class Background(threading.Thread):
    """`with Work(...) as work:`, or start() and stop(). run() ends soon after self._ending is set."""

    def __init__(self):
        super().__init__(daemon=True)
        self._ending = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._ending.set()
        self.join()
