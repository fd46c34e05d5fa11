"""Says which currencies there are, and how small an amount of each may be."""

from decimal import Decimal
from typing import Final

_CODES: Final = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC
CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR
ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF
XPF YER ZAR ZMW ZWG
"""
_OF_WHOLE_AMOUNTS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_OF_THOUSANDTHS: Final = "BHD IQD JOD KWD LYD OMR TND"

CURRENCIES: Final = frozenset(_CODES.split())
"""The active codes of ISO 4217 that people pay with: without funds, metals and test codes."""

_DIGITS: Final = {
    **dict.fromkeys(_OF_WHOLE_AMOUNTS.split(), 0),
    **dict.fromkeys(_OF_THOUSANDTHS.split(), 3),
}


def minor_digits(currency: str) -> int:
    """How many decimals an amount of the currency has by ISO 4217: 0 for JPY, 3 for KWD, 2 for most."""
    return _DIGITS.get(currency, 2)


def cent_of(currency: str) -> Decimal:
    """The least amount of the currency: 0.01 for most."""
    return Decimal(1).scaleb(-minor_digits(currency))
