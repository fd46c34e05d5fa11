"""Every SQL statement, one module a table: connections and plain values come in, plain values go out."""
