"""What the stub answers to the programs of ``revise``: run in its process, so nothing is imported from limbeck."""

from math import log


def reply(request):
    """Texts, and for a choice tokens: 0.25 for the first answer where it stands under (A), 0.125 for the revision."""
    asked = request["messages"][-1]["content"]
    if "[[ ## answer_a ## ]]" in asked:
        p = 0.125 if "[[ ## answer_a ## ]]\nrevision" in asked else 0.25
        top = [{"token": "A", "logprob": log(p * 0.5)}, {"token": "B", "logprob": log((1 - p) * 0.5)}]
        chosen = {**top[1], "top_logprobs": top}
        return [{"token": "[[ ## choice ## ]]\n", "logprob": 0.0}, chosen,
                {"token": "\n\n[[ ## completed ## ]]", "logprob": 0.0}]  # fmt: skip
    field = "critique" if "critique_request" in asked else "revision" if "revision_request" in asked else "answer"
    return f"[[ ## {field} ## ]]\n{field}\n\n[[ ## completed ## ]]"
