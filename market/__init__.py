"""Units are bought from vendors: asked-for purchases come in, tokens go out; only `kilowatch` imports it.

`vendors` says what a vendor can do, `http_vendor` speaks to one over HTTP, `vending` does what is due.
"""
