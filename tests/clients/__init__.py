"""A package, so that its house is torn down with its last test: fixtures of scope package ask for one."""
