"""Numbers that states give to persons, by python-stdnum, which knows the checksum of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from .finds import Find, Seen, extra


class _Number(NamedTuple):
    """A kind of number.

    Attributes:
        module: What checks it, in ``stdnum``.
        form: Regular expression.
        words: What must stand before it, as a regular expression; "" where form and checksum say enough. A checksum of
            one digit lets every tenth number pass.
    """

    module: str
    form: str
    words: str = ""


_NUMBERS = (
    _Number("us.ssn", r"\d{3}-\d\d-\d{4}"),
    _Number("us.ssn", r"\d{3}[ -]?\d\d[ -]?\d{4}", r"ssn|social security"),
    _Number("es.dni", r"\d{8}-?[A-HJ-NP-TV-Z]"),
    _Number("es.nie", r"[XYZ]-?\d{7}-?[A-Z]"),
    _Number("it.codicefiscale", r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]"),
    _Number("fi.hetu", r"\d{6}[-+A]\d{3}[0-9A-Z]"),
    _Number("cn.ric", r"\d{17}[\dX]"),
    _Number("fr.nir", r"[12] ?\d\d ?\d\d ?\d\d ?\d{3} ?\d{3} ?\d\d"),
    _Number("mx.curp", r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d"),
    _Number("br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d\d"),
    _Number("br.cpf", r"\d{11}", "cpf"),
    _Number("ch.ssn", r"756\.\d{4}\.\d{4}\.\d\d"),
    _Number("be.nn", r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d"),
    _Number("kr.rrn", r"\d{6}-\d{7}"),
    _Number("cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]"),
    _Number("cz.rc", r"\d{6}/\d{4}"),
    _Number("se.personnummer", r"(?:\d\d)?\d{6}[-+]?\d{4}", r"personnummer|personal (?:identity )?number"),
    _Number("dk.cpr", r"\d{6}-?\d{4}", "cpr"),
    _Number("no.fodselsnummer", r"\d{6} ?\d{5}", "f[øo]dselsnummer|national id"),
    _Number("pl.pesel", r"\d{11}", "pesel"),
    _Number("nl.bsn", r"\d{9}|\d{4}\.\d\d\.\d{3}", "bsn|burgerservicenummer"),
    _Number("de.idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", r"steuer|idnr|tax id"),
    _Number("at.vnr", r"\d{4} ?\d{6}", "svnr|sozialversicherung"),
    _Number("gb.nhs", r"\d{3} ?\d{3} ?\d{4}", "nhs"),
    _Number("ie.pps", r"\d{7}[A-W][A-IW]?", "pps"),
    _Number("ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", r"\bsin\b|social insurance"),
    _Number("au.tfn", r"\d{3} ?\d{3} ?\d{2,3}", "tfn|tax file"),
    _Number("in_.aadhaar", r"\d{4} ?\d{4} ?\d{4}", "aadhaar|aadhar|uidai"),
    _Number("in_.pan", r"[A-Z]{5}\d{4}[A-Z]", r"\bpan\b|permanent account"),
    _Number("tr.tckimlik", r"\d{11}", "kimlik"),
    _Number("za.idnr", r"\d{13}", r"\bid\b|identity"),
    _Number("pt.cc", r"\d{8} ?\d ?[A-Z0-9]{2}\d", r"cart[ãa]o de cidad"),
    _Number("ro.cnp", r"\d{13}", "cnp"),
    _Number("bg.egn", r"\d{10}", "egn|егн"),
    _Number("ee.ik", r"\d{11}", "isikukood"),
    _Number("lt.asmens", r"\d{11}", "asmens kodas"),
    _Number("id.nik", r"\d{16}", r"\bnik\b"),
)
_BEFORE, _AFTER = r"(?<![\w.+-])", r"(?![\w-]|\.\w)"
_NEAR = 60  # characters in which the number must follow its word
_ALONE = [(number.module, re.compile(f"{_BEFORE}(?:{number.form}){_AFTER}"))
          for number in _NUMBERS if not number.words]  # fmt: skip
_NAMED = [(number.module, re.compile(f"{_BEFORE}(?:{number.form}){_AFTER}"), re.compile(number.words))
          for number in _NUMBERS if number.words]  # fmt: skip
_ANY_WORD = re.compile("|".join(number.words for number in _NUMBERS if number.words))
_LETTERS = re.compile(r"[A-Z]{4}(?:[A-Z]\d{4}[A-Z]|[A-Z]{2}\d\d[A-Z]\d\d|\d{6}[HMX])")


def find_ids(text: Seen) -> Iterator[Find]:
    """Find numbers of persons."""
    lettered = _LETTERS.search(text.long)
    if not text.runs and not lettered:
        return
    for near in [(0, len(text))] if lettered else text.near(4, 30):
        for module, form in _ALONE:
            yield from _found(module, form.finditer(text, *near))
    if _ANY_WORD.search(text.lowered):
        for module, form, words in _NAMED:
            for word in words.finditer(text.lowered):
                yield from _found(module, form.finditer(text, word.end(), word.end() + _NEAR))


def _found(module: str, matches: Iterable[re.Match[str]]) -> Iterator[Find]:
    for match in matches:
        if _checker(module).is_valid(match[0]):
            yield Find("ID", *match.span(), re.sub(r"\W", "", match[0]).upper())


@cache
def _checker(module: str) -> Any:
    return extra(f"stdnum.{module}")
