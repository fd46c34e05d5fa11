"""What we use of openpaygo 0.6.3, typed; the package itself carries no types."""

from openpaygo.token_decode import OpenPAYGOTokenDecoder as OpenPAYGOTokenDecoder
from openpaygo.token_encode import OpenPAYGOTokenEncoder as OpenPAYGOTokenEncoder
from openpaygo.token_shared import TokenType as TokenType
