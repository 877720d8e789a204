"""What the stub answers where tokens are asked for: run in its process, so nothing is imported."""


def reply(request):
    """A label that is cut into two tokens, with others in the place of both."""
    tokens = [
        ("[[ ## label", [("[[ ## label", -0.01)]), (" ## ]]\n", [(" ## ]]\n", -0.01)]),
        ("card", [("card", -0.2231435513142097), ("refund", -1.6094379124341003), ("never", -9999.0)]),
        ("_arrival", [("_arrival", -0.2876820724517809), ("_linking", -1.3862943611198906)]),
        ("\n\n[[ ## completed ## ]]", []),
    ]  # fmt: skip
    return [
        {"token": token, "logprob": top[0][1] if top else 0.0,
         "top_logprobs": [{"token": other, "logprob": p} for other, p in top]} for token, top in tokens
    ]  # fmt: skip
