"""Made-up values in the real forms, put together from parts: no file of the repository holds what looks like a key."""

from __future__ import annotations

import base64
import ipaddress
import json
import random
import string
from collections.abc import Callable, Iterator
from importlib import import_module

import pytest

AL, DI, UP, HEX = string.ascii_letters, string.digits, string.ascii_uppercase, "0123456789abcdef"
WORD = AL + DI

Draw = Callable[[str, int], str]


def _base64(rng: random.Random, n: int) -> str:
    return base64.b64encode(rng.randbytes(n)).decode()


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _pem(rng: random.Random, name: str) -> str:
    body = "\n".join(_base64(rng, 48) for _ in range(5))
    return f"-----BEGIN {name}PRIVATE" + f" KEY-----\n{body}\n-----END {name}PRIVATE" + " KEY-----"


def keys(rng: random.Random) -> Iterator[str]:
    """One key of each form."""

    def draw(letters: str, n: int) -> str:
        return "".join(rng.choice(letters) for _ in range(n))

    yield "sk-" + draw(WORD, 20) + "T3Blbk" + "FJ" + draw(WORD, 20)
    yield "sk-" + "proj-" + draw(WORD + "_-", 72) + "a1" + "T3Blbk" + "FJ" + draw(WORD + "_-", 72) + "b2"
    yield "sk-" + "svcacct-" + draw(WORD, 58) + "T3Blbk" + "FJ" + draw(WORD, 58)
    yield "sk-" + "ant-api03-" + draw(WORD + "_-", 91) + "7-AA"
    yield "sk-" + "or-v1-" + draw(HEX, 64)
    yield "AK" + "IA" + draw(UP + "234567", 16)
    yield "AS" + "IA" + draw(UP + "234567", 16)
    yield "AI" + "za" + draw(WORD + "_-", 34) + "x"
    yield "GOC" + "SPX-" + draw(WORD, 28)
    yield from ("gh" + f"{kind}_" + draw(WORD, 36) for kind in "pous")
    yield "github" + "_pat_" + draw(WORD, 22) + "_" + draw(WORD, 59)
    yield "gl" + "pat-" + draw(WORD, 20)
    yield "xo" + "xb-" + draw(DI, 12) + "-" + draw(DI, 13) + "-" + draw(WORD, 24)
    yield "xa" + "pp-1-A" + draw(UP + DI, 10) + "-" + draw(DI, 13) + "-" + draw(HEX, 64)
    yield "https://hooks." + "slack.com/services/T" + draw(UP + DI, 8) + "/B" + draw(UP + DI, 8) + "/" + draw(WORD, 24)
    yield from (f"{kind}k" + f"_{mode}_" + draw(WORD, n)
                for kind in "sr" for mode in ("live", "test") for n in (24, 99))  # fmt: skip
    yield "wh" + "sec_" + draw(WORD, 32)
    yield "h" + "f_" + draw(AL, 34)
    yield "gs" + "k_" + draw(WORD, 52)
    yield "np" + "m_" + draw(WORD, 36)
    yield "py" + "pi-AgEIcHlwaS5vcmc" + draw(WORD + "_-", 100) + "Q"
    yield "S" + "G." + draw(WORD, 22) + "." + draw(WORD, 43)
    yield "S" + "K" + draw(HEX, 32)
    yield draw("123456789", 10) + ":A" + "A" + draw(WORD, 33)
    yield draw(HEX, 32) + "-us" + draw(DI, 1)
    yield "sq0" + "csp-" + draw(WORD, 43)
    yield "M" + draw(WORD, 23) + "." + draw(WORD, 6) + "." + draw(WORD, 27)
    yield "dop" + "_v1_" + draw(HEX, 64)
    yield "shp" + "at_" + draw(HEX, 32)
    yield "da" + "pi" + draw(HEX, 32)
    yield "r" + "8_" + draw(WORD, 37)
    yield "lin" + "_api_" + draw(WORD, 40)
    yield ".".join([_part({"alg": "HS256"}), _part({"sub": draw(DI, 9)}), _part(draw(WORD, 20))])
    yield from (_pem(rng, name) for name in ("", "RSA ", "EC ", "OPENSSH "))


def emails(rng: random.Random) -> Iterator[str]:
    locals_ = ("ann", "Bob.Smith", "li+news", "o'neill", "x_1", "jürgen", "a", "first.last-third")
    domains = ("example.com", "mail.co.uk", "uni-bonn.de", "bücher.example", "a.b.c.io", "x1.dev", "corp.internal",
               "QQ.COM", "xn--bcher-kva.de")  # fmt: skip
    yield from (f"{local}@{domain}" for local in locals_ for domain in domains)


def phones(rng: random.Random) -> Iterator[str]:
    library = pytest.importorskip("phonenumbers")
    forms = (library.PhoneNumberFormat.E164, library.PhoneNumberFormat.INTERNATIONAL)
    for region in sorted(library.SUPPORTED_REGIONS):
        for kind in (library.PhoneNumberType.MOBILE, library.PhoneNumberType.FIXED_LINE):
            number = library.example_number_for_type(region, kind)
            if number is not None:
                yield library.format_number(number, rng.choice(forms))
    for area in ("212", "415", "617"):
        yield from (f"({area}) 555-2{area}", f"{area}-555-2{area}", f"{area}.555.2{area}", f"1-{area}-555-2{area}")


def _luhn(digits: str) -> str:
    doubled = (int(d) * 2 if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return str(-sum(n // 10 + n % 10 for n in doubled) % 10)


def cards(rng: random.Random) -> Iterator[str]:
    issuers = (("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("65", 16), ("36", 14),
               ("3528", 16), ("62", 16), ("55", 16))  # fmt: skip
    for prefix, size in issuers:
        for form in range(6):
            body = prefix + "".join(rng.choice(DI) for _ in range(size - len(prefix) - 1))
            number = body + _luhn(body)
            cuts = (4, 4, 4, 4) if size == 16 else (4, 6, size - 10)
            groups, at = [], 0
            for cut in cuts:
                groups.append(number[at : at + cut])
                at += cut
            yield (number, " ".join(groups), "-".join(groups))[form % 3]


def ibans(rng: random.Random) -> Iterator[str]:
    shapes = {"DE": "n" * 18, "ES": "n" * 20, "FR": "n" * 10 + "c" * 11 + "nn", "GB": "aaaa" + "n" * 14, "CH": "n" * 17,
              "NL": "aaaa" + "n" * 10, "IT": "a" + "n" * 22, "PL": "n" * 24, "AT": "n" * 16, "BE": "n" * 12,
              "SE": "n" * 20, "PT": "n" * 21}  # fmt: skip
    for country, shape in shapes.items():
        for form in range(6):
            body = "".join(rng.choice({"n": DI, "a": UP, "c": UP + DI}[kind]) for kind in shape)
            check = 98 - int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
            number = f"{country}{check:02}{body}"
            yield number if form % 2 else " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def addresses(rng: random.Random) -> Iterator[str]:
    made = 0
    while made < 70:
        address = ipaddress.ip_address(rng.randrange(60 << 24, 220 << 24))
        if made >= 50:
            address = ipaddress.ip_address((0x2A00 << 112) + rng.getrandbits(100))
        if address.is_global and not address.is_multicast:
            made += 1
            yield str(address)


def ids(rng: random.Random) -> Iterator[str]:
    forms = {
        "us.ssn": "###-##-####",
        "es.dni": "########@",
        "it.codicefiscale": "@@@@@@##A##@###@",
        "fi.hetu": "######-###@",
        "cn.ric": "11010119######231#",
        "fr.nir": "1 ## ## ## ### ### ##",
        "br.cpf": "###.###.###-##",
        "ch.ssn": "756.####.####.##",
        "be.nn": "##.##.##-###.##",
        "cl.rut": "##.###.###-#",
    }
    for module, form in forms.items():
        checker = pytest.importorskip(f"stdnum.{module}")
        made = 0
        while made < 7:
            value = "".join(rng.choice(DI) if c == "#" else rng.choice(UP) if c == "@" else c for c in form)
            if checker.is_valid(value):
                made += 1
                yield value


def named_ids(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Numbers that are known by the word before them only, with the word."""
    forms = {
        "pl.pesel": ("PESEL", 11),
        "nl.bsn": ("BSN", 9),
        "de.idnr": ("Steuer-ID", 11),
        "in_.aadhaar": ("Aadhaar", 12),
        "gb.nhs": ("NHS number", 10),
        "ca.sin": ("SIN", 9),
        "tr.tckimlik": ("T.C. Kimlik No", 11),
    }
    for module, (word, size) in forms.items():
        checker = import_module(f"stdnum.{module}")
        made = 0
        while made < 9:
            value = "".join(rng.choice(DI) for _ in range(size))
            if checker.is_valid(value):
                made += 1
                yield word, value


@pytest.fixture(scope="session")
def planted() -> dict[str, list[str]]:
    """At least sixty values of each kind."""
    pytest.importorskip("stdnum", reason="needs the extra privacy")
    pytest.importorskip("phonenumbers", reason="needs the extra privacy")
    pytest.importorskip("publicsuffixlist", reason="needs the extra privacy")
    rng = random.Random(5)
    made = {"EMAIL": emails, "PHONE": phones, "CARD": cards, "IBAN": ibans, "IP": addresses, "ID": ids}
    values = {kind: list(make(rng)) for kind, make in made.items()}
    values["SECRET"] = [key for _ in range(3) for key in keys(rng)]
    return values


@pytest.fixture(scope="session")
def planted_with_words() -> list[tuple[str, str]]:
    """Numbers of persons with the word that stands before them."""
    pytest.importorskip("stdnum", reason="needs the extra privacy")
    return list(named_ids(random.Random(6)))
