"""Both reports of the sample, worked out by pandas from the rows that PostgreSQL sends as CSV.

Reads {"folder": …} from stdin: departments.csv, jobs.csv and hired_employees.csv with header rows, as COPY writes
them. Prints {year: {"hires-by-quarter": [row, …], "departments-above-mean": [row, …]}}; rows are lists of cells.
"""
import json
import os
import sys

import pandas as pd


def read(folder, table):
    return pd.read_csv(os.path.join(folder, f"{table}.csv"), keep_default_na=False)


folder = json.load(sys.stdin)["folder"]
departments = read(folder, "departments")
jobs = read(folder, "jobs")
hires = read(folder, "hired_employees")
at = pd.to_datetime(hires["datetime"], utc=True, format="ISO8601")
hires["year"] = at.dt.year
hires["quarter"] = at.dt.quarter
named = hires.merge(departments, left_on="department_id", right_on="id", suffixes=("", "_d")).merge(
    jobs, left_on="job_id", right_on="id", suffixes=("", "_j")
)

reports = {}
for year, ofYear in named.groupby("year"):
    # By ID: two departments may have one name.
    keys = ["department", "job", "department_id", "job_id"]
    quarters = pd.crosstab([ofYear[key] for key in keys], ofYear["quarter"])
    quarters = quarters.reindex(columns=[1, 2, 3, 4], fill_value=0).reset_index()
    quarters = quarters.sort_values(keys, kind="stable").drop(columns=["department_id", "job_id"])
    counts = ofYear.groupby(["department_id", "department"]).size().reset_index(name="hired")
    above = counts[counts["hired"] > counts["hired"].mean()]
    above = above.sort_values(["hired", "department", "department_id"], ascending=[False, True, True])
    reports[str(year)] = {
        "hires-by-quarter": quarters.values.tolist(),
        "departments-above-mean": above[["department_id", "department", "hired"]].values.tolist(),
    }
json.dump(reports, sys.stdout)
