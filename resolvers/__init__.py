"""What each field answers: a viewer and arguments come in, plain dataclasses go out; the schema binds them."""
