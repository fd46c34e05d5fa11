"""The browser's side: npm sources go in, built pages and the Starlette routes that serve them come out.

`python -m dashboard.build` writes `static/graphiql/`, `dashboard.pages` serves it. Only `kilowatch` imports
this package, and it imports nothing of ours.
"""
