class TokenType:
    ADD_TIME: int
    SET_TIME: int
    DISABLE_PAYG: int
    COUNTER_SYNC: int
    INVALID: int
    ALREADY_USED: int

class OpenPAYGOTokenShared:
    @classmethod
    def generate_starting_code(cls, key: bytes) -> int: ...
