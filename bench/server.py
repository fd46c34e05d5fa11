"""Turns a database into a Kilowatch server that refuses nobody: `python -m bench.server PORT DATABASE_URL`."""

import resource
import sys

from bench.signing import LINK_KEY, ring
from kilowatch.serve import application
from kilowatch.settings import Settings
from kilowatch.web.serve import run


def main() -> None:
    port, url = sys.argv[1:]
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    settings = Settings(database_url=url, graphiql=False, max_connections=1_000_000, cost_per_minute=0)
    run(application(settings, key=LINK_KEY, keys=ring()), host="127.0.0.1", port=int(port))


if __name__ == "__main__":
    main()
