"""Used by the other examples: where the platform is, and how it is asked. Python 3.9 or newer, no packages."""

import json
import os
import sys
import time
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

URL = os.environ.get("LONGSHORE_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("LONGSHORE_KEY")
if not KEY:
    sys.exit("set LONGSHORE_KEY to an API key; of a platform that npm start runs, cat .longshore/keys/admin.key")

TRIES = 8
FIRST_PAUSE_SECONDS = 0.5
# Codes of problems that pass by themselves; the remedy of any other says what to do.
PASSING = ("rate-limited", "overloaded", "idempotency-key-in-use")


class ApiError(Exception):
    """What the API answers when something is wrong (RFC 9457)."""

    def __init__(self, problem):
        super().__init__(f"{problem['title']}: {problem['detail']}. {problem['remedy']}")
        self.problem = problem


def api(path, body=None, headers=None, method=None):
    """Sends a request, again and again while the platform is not reached or asks to wait.

    A request without an answer may have been carried out, so this is for what may be carried out twice: reads, loads
    (the same file is the same load), batches with an Idempotency-Key, backups and restores.
    """
    for tried in range(1, TRIES + 1):
        pause = FIRST_PAUSE_SECONDS * 2 ** (tried - 1)
        request = Request(URL + path, body, {"x-api-key": KEY, **(headers or {})}, method=method)
        try:
            return urlopen(request)
        except HTTPError as error:
            problem = json.load(error)
            passes = error.code == 503 or problem["code"] in PASSING
            if not passes or tried == TRIES:
                raise ApiError(problem) from None
            pause = float(error.headers.get("Retry-After") or pause)
        except URLError:
            # Nobody answered.
            if tried == TRIES:
                raise
        time.sleep(pause)


def ended(path, on_progress=lambda job: None):
    """Asks for a job (a load, a backup, a restore) every second until it has ended."""
    while True:
        job = json.load(api(path))
        on_progress(job)
        if job["status"] == "done":
            return job
        if job["status"] in ("failed", "cancelled"):
            sys.exit(f"{path} is {job['status']}: {(job['error'] or {}).get('message', '')}")
        time.sleep(1)


def run(path, body=None):
    """Starts a job, and waits for its end."""
    sent = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"content-type": "application/json"}
    started = json.load(api(path, sent, headers, method="POST"))
    return ended(started["links"]["self"])
