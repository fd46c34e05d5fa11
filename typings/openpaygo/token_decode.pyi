class OpenPAYGOTokenDecoder:
    MAX_TOKEN_JUMP: int
    MAX_TOKEN_JUMP_COUNTER_SYNC: int
    MAX_UNUSED_OLDER_TOKENS: int
    @classmethod
    def decode_token(
        cls,
        token: str,
        secret_key: str,
        count: int,
        used_counts: list[int] | None = None,
        starting_code: int | None = None,
        value_divider: int = 1,
        restricted_digit_set: bool = False,
    ) -> tuple[float | None, int, int | None, list[int] | None]: ...
    @classmethod
    def update_used_counts(
        cls, past_used_counts: list[int] | None, value: int, new_count: int, type: int
    ) -> list[int] | None: ...
