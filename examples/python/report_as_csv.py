"""report_as_csv.py REPORT [QUERY]: prints a report as CSV, page by page. QUERY as in an address: 'year=2021'."""

import re
import sys

from longshore import api

report = sys.argv[1]
query = sys.argv[2] if len(sys.argv) > 2 else ""
path = f"/v1/reports/{report}?{query}"
first = True
while path is not None:
    answer = api(path, headers={"accept": "text/csv"})
    csv = answer.read().decode()
    # Each page begins with the header.
    print(csv if first else csv.split("\n", 1)[1], end="")
    first = False
    following = re.search(r'<([^<>]*)>; rel="next"', answer.headers.get("Link") or "")
    path = following[1] if following else None
