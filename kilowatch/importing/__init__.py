"""Files of readings come in, batches of the writer go out; the command line imports it. A door to pyarrow and numpy."""
