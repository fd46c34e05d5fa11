class OpenPAYGOTokenEncoder:
    @classmethod
    def generate_token(
        cls,
        secret_key: str,
        count: int,
        value: int | None = None,
        token_type: int = 1,
        starting_code: int | None = None,
        value_divider: int = 1,
        restricted_digit_set: bool = False,
        extended_token: bool = False,
    ) -> tuple[int, str]: ...
