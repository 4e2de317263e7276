"""Runs a subject of the RAG benchmark, whose module calls `run`. The argument is the job as JSON.

The last line of the output is what was measured, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import psycopg
from embedding_server import Client
from rag_work import Job, Subject, work


def run(make: Callable[[Job], Subject]) -> None:
    job = Job(**json.loads(sys.argv[1]))
    with psycopg.connect(host=job.host, dbname=job.database, user="postgres", autocommit=True) as database:
        database.execute("CREATE EXTENSION vector")
        measured = work(make(job), job, database, Client(job.endpoint))
    sys.stdout.write(json.dumps(measured) + "\n")
