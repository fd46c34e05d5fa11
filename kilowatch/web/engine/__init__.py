"""Turns operations into answers: read and priced, then run by graphql-core with plans for what is plain."""
