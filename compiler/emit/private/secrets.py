r"""Keys, tokens, private keys and passwords.

Those with a form of their own are known by it. Others are known by what they are assigned to (``password = "..."``),
if they look as if nobody could guess them. Rules have a literal that the text must contain, for most texts have none:
``in`` costs a tenth of a microsecond, a regular expression a hundred times as much.

Sources of the forms: the providers' own pages on their keys, and https://docs.github.com/en/code-security/reference/
secret-security/supported-secret-scanning-patterns for which there are.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from .finds import Find, Seen

_A, _B = r"(?<![A-Za-z0-9_])", r"(?![A-Za-z0-9_])"

_FORMS: tuple[tuple[str, str], ...] = (
    ("sk-", r"sk-(?:proj-|svcacct-|admin-|None-|ant-(?:api|admin)\d\d-|or-v1-|lf-)?[A-Za-z0-9_-]{20,250}"),
    ("pk-lf-", r"pk-lf-[0-9a-f-]{36}"),
    ("KIA", r"AKIA[A-Z0-9]{16}"),  # AWS
    ("SIA", r"ASIA[A-Z0-9]{16}"),
    ("AIza", r"AIza[A-Za-z0-9_-]{35}"),  # Google
    ("GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    ("ya29.", r"ya29\.[A-Za-z0-9_-]{30,500}"),
    ("ghp_", r"ghp_[A-Za-z0-9]{36,255}"),  # GitHub
    ("gh", r"gh[ousr]_[A-Za-z0-9]{36,255}"),
    ("github_pat_", r"github_pat_[A-Za-z0-9_]{60,90}"),
    ("gl", r"gl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|oas)-[A-Za-z0-9_-]{20,200}"),  # GitLab
    ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,200}"),  # Slack
    ("xapp-", r"xapp-\d-[A-Z0-9]+-\d+-[0-9a-f]{32,80}"),
    ("hooks.slack.com", r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,100}"),
    ("discord", r"https://discord(?:app)?\.com/api/webhooks/\d{15,21}/[A-Za-z0-9_-]{60,80}"),
    ("k_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,247}"),  # Stripe
    ("whsec_", r"whsec_[A-Za-z0-9+/]{32,64}"),
    ("hf_", r"hf_[A-Za-z0-9]{34,40}"),  # Hugging Face
    ("gsk_", r"gsk_[A-Za-z0-9]{40,60}"),  # Groq
    ("xai-", r"xai-[A-Za-z0-9]{60,90}"),
    ("pplx-", r"pplx-[A-Za-z0-9]{40,60}"),
    ("r8_", r"r8_[A-Za-z0-9]{37,40}"),  # Replicate
    ("npm_", r"npm_[A-Za-z0-9]{36}"),
    ("pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,250}"),
    ("SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),  # SendGrid
    ("SK", r"SK[0-9a-f]{32}"),  # Twilio
    (":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),  # Telegram
    ("-us", r"[0-9a-f]{32}-us\d{1,2}"),  # Mailchimp
    ("key-", r"key-[0-9a-f]{32}"),  # Mailgun
    ("sq0", r"sq0(?:csp|atp|idp)-[A-Za-z0-9_-]{22,43}"),  # Square
    ("EAAA", r"EAAA[A-Za-z0-9_-]{60}"),
    (".", r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"),  # Discord
    ("_v1_", r"do[opr]_v1_[0-9a-f]{64}"),  # DigitalOcean
    ("shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),  # Shopify
    ("dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),  # Databricks
    ("lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    ("secret_", r"secret_[A-Za-z0-9]{43}"),  # Notion
    ("ntn_", r"ntn_[A-Za-z0-9]{40,50}"),
    ("glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),  # Grafana
    ("hvs.", r"hvs\.[A-Za-z0-9_-]{24,200}"),  # Vault
    ("pul-", r"pul-[0-9a-f]{40}"),
    ("PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("AccountKey=", r"AccountKey=([A-Za-z0-9+/]{86}==)"),  # Azure
    ("sig=", r"[?&]sig=([A-Za-z0-9%+/]{40,80}(?:%3D|=)?)"),
    ("eyJ", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"),  # RFC 7519
    ("://", r"[A-Za-z][A-Za-z0-9+.-]{1,20}://([^\s:/@\"'<>(){}]{0,64}:[^\s/@\"'<>{}]{1,128})@"),  # RFC 3986, userinfo
    ("earer ", r"[Bb]earer ([A-Za-z0-9._~+/-]{20,500}=*)"),  # RFC 6750
    ("asic ", r"[Bb]asic ([A-Za-z0-9+/]{20,500}={0,2})"),  # RFC 7617
)  # fmt: skip
_RULES = [(literal, re.compile(_A + form + ("" if form.endswith(("@", "*", "}==)", "}(?:%3D|=)?)")) else _B)))
          for literal, form in _FORMS]  # fmt: skip

_GUESSED = re.compile(r"bearer |basic ", re.IGNORECASE)
_PEM = "PRIVATE KEY"
_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[A-Za-z0-9+/=\s:,.()-]{0,10000}?-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:\s+[A-Za-z0-9+/=]{16,76}(?![a-z .]))+)"
)
_BODY = re.compile(r"[A-Za-z0-9+/=]{32}")

_WORDS = ("passw", "pwd", "passphrase", "passcode", "secret", "token", "api_key", "api-key", "apikey", "api key",
          "access_key", "access-key", "accesskey", "auth_key", "authkey", "private_key", "privatekey", "account_key",
          "credential")  # fmt: skip
_ROOTS = ("pass", "key", "token", "secret", "pwd", "credential")  # one of them is in each word
_ASSIGNED = re.compile(
    r"[\w-]{0,30}[\"'`\]>*#]{0,6}(?:\s{0,4}(?::=|=>|={1,3}|:)|(?P<said>\s{1,2}(?:is|was)(?=[\s:])|\s?##\s?\]\]))\s{0,4}:?\s{0,2}"
    r"(?:[rbf]?(?P<quote>[\"'`])(?P<quoted>[^\"'`\s]{6,200})(?P=quote)|(?P<bare>[^\s\"'`,;<>(){}\[\]|]{6,200}))"
)
_EMPTY = re.compile(
    r"^(?:[<{$%\[]|\*+$|x{3,}|\.{3})|[({$]|(?:your|my|the|some|insert|enter|replace|example|dummy|sample|fake)[-_. ]"
    r"|^(?:os|process|env|config|settings|self|request|args|this)\.|placeholder|redacted|changeme|^https?://|[*x.]{4,}",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z_.-]*\d{0,2}\W{0,2}")
_ROLE = re.compile(  # what stands for a password in examples
    r"(?:user(?:name)?|name|login|root|admin|postgres|:)?:?(?:pass(?:word|wd|phrase)?|pwd|secret|pw|x+|\*+|\.+)",
    re.IGNORECASE,
)


def find_secrets(text: Seen) -> Iterator[Find]:
    """Find what opens a door."""
    if _PEM in text:
        for match in _BLOCK.finditer(text):
            if _BODY.search(match[0], len("-----BEGIN")):
                yield _found(text, *match.span())
    long = text.long
    for literal, rule in _RULES if long else ():
        if literal in long or (literal[-1] == " " and literal in text):
            for match in rule.finditer(text):
                start, end = match.span(rule.groups)
                if _is_real(match[0], text[start:end]):
                    yield _found(text, start, end)
    yield from _assigned(text)


def _found(text: str, start: int, end: int) -> Find:
    return Find("SECRET", start, end, "".join(text[start:end].split()))  # lines may be broken in several ways


def _is_real(whole: str, value: str) -> bool:
    """Whether what has the form of a secret is one, and no word, pattern or example without a value."""
    if "://" in whole and whole.endswith("@"):
        return not (_ROLE.fullmatch(value) or value.endswith(":") or _EMPTY.search(value.partition(":")[2]))
    if _GUESSED.match(whole):
        return is_random(value)
    digits = sum(letter.isdigit() for letter in value)
    if value.startswith("sk-"):  # also how names of styles begin
        return digits >= 2 and value.count("-") + value.count("_") <= len(value) / 6
    return digits > 0 or len(set(value)) > 9


def _assigned(text: Seen) -> Iterator[Find]:
    """Values of what is called a password, a token or a key."""
    lowered = text.lowered
    if not any(root in lowered for root in _ROOTS):
        return
    for word in _WORDS:
        at = lowered.find(word)
        while at >= 0:
            match = _ASSIGNED.match(text, at + len(word))
            if match and (found := _value(text, match, long=not word.startswith(("pass", "pwd")))):
                yield found
            at = lowered.find(word, at + len(word))


def _value(text: str, match: re.Match[str], *, long: bool) -> Find | None:
    """The secret that is assigned, if it looks like one.

    Args:
        text: Where it stands.
        match: What was matched.
        long: Whether it must be long, as keys are and passwords need not be.
    """
    group = "quoted" if match["quoted"] else "bare"
    start, end = match.span(group)
    value = match[group]
    if group == "bare":
        end -= len(value) - len(value.rstrip(".!?:\\"))
        value = text[start:end]
        if text[end : end + 1] in {"(", "["}:  # the result of a call
            return None
    if _EMPTY.search(value) or (group == "bare" and not match["said"] and _NAME.fullmatch(value)):
        return None
    return _found(text, start, end) if (is_random(value) if long else _is_password(value)) else None


def _is_password(value: str) -> bool:
    """Whether a value has at least six characters, letters among them, and something else."""
    return (
        len(value) >= 6
        and any(letter.isalpha() for letter in value)
        and any(letter.isdigit() or letter in "!#$%^&*+?~@" for letter in value)
    )


def is_random(value: str) -> bool:
    """Whether a value looks drawn: long, letters and digits mixed, at least 3 bits a character."""
    digits = sum(letter.isdigit() for letter in value)
    if len(value) < 16 or not digits or digits == len(value):
        return False
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts) >= 3
