"""One run of the DAG's code, in a process of its own: `python -m bench.items.ingestion_run …`.

Prints seconds, CPU seconds and peak memory as JSON.
"""

import json
import resource
import sys

from users.ingest import Settings, ingest
from users.source import Source


def main() -> None:
    url, dsn, users, page_size, concurrency, seed = sys.argv[1:]
    summary = ingest(
        Source(url, "bundled", "started by the benchmark"),
        dsn,
        int(users),
        seed,
        settings=Settings(int(concurrency), int(page_size)),
    )
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": summary.seconds,
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_megabytes": usage.ru_maxrss / 1024,
        "inserted": summary.inserted,
        "set_aside": summary.set_aside,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
