"""The gateway: pays once, never over budget, keeps what arrived, says clearly what cannot work."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import dspy
import pytest
from dspy.utils import exceptions as dx

from limbeck.compiler.lm.budget import Budget
from limbeck.compiler.lm.gateway import Retries, SyncInLoop
from limbeck.compiler.lm.model import gateway_lm
from limbeck.compiler.lm.prices import Price
from limbeck.compiler.lm.replay import Recording
from limbeck.compiler.lm.scope import SETTING, Scope
from limbeck.compiler.lm.secrets import Secrets
from limbeck.errors import BudgetReached, LMSetupError, LMUnavailable, Stop


async def soon(value="fine", seconds=0.01):
    await asyncio.sleep(seconds)
    return value


# Paying once


def test_single_flight(lab, tmp_path):
    """A hundred equal requests at once are one call."""

    async def run():
        lm = lab.FakeLM(lambda _: soon())
        async with lab.open(tmp_path) as gateway:
            answers = await asyncio.gather(*(gateway.complete(lm, lab.ask()) for _ in range(100)))
            return lm, gateway.meter, {a.message.text for a in answers}

    lm, meter, texts = asyncio.run(run())
    assert len(lm.sent) == 1
    assert (meter.spent.calls, meter.hits) == (1, 99)
    assert texts == {"fine"}


def test_next_run_finds_it(lab, tmp_path):
    """What one gateway paid for, another on the same folder does not send."""

    async def run():
        lm = lab.FakeLM()
        async with lab.open(tmp_path) as gateway:
            await gateway.complete(lm, lab.ask())
        async with lab.open(tmp_path) as gateway:
            await gateway.complete(lm, lab.ask())
        return lm.sent

    assert len(asyncio.run(run())) == 1


def test_on_disk_before_it_is_used(lab, tmp_path):
    """When an answer is handed out, it is committed."""

    async def run():
        lm = lab.FakeLM()
        async with lab.open(tmp_path) as gateway:
            await gateway.complete(lm, lab.ask())
            return [gateway.cache.get(key) for key in lm.sent]

    assert all(asyncio.run(run()))


@pytest.mark.parametrize("config", [{"temperature": 0.5}, {"max_tokens": 7}, {"stop": ("x",)}])
def test_other_parameters_are_another_request(lab, tmp_path, config):
    """Everything that decides the answer is part of a request's name."""

    async def run():
        lm = lab.FakeLM()
        async with lab.open(tmp_path) as gateway:
            await gateway.complete(lm, lab.ask())
            await gateway.complete(lm, lab.ask(**config))
        return len(set(lm.sent))

    assert asyncio.run(run()) == 2


def scoped(attempt):
    return dspy.context(**{SETTING: Scope(attempt=attempt)})


def test_attempts_are_sampled_anew(lab, tmp_path):
    """Equal requests of different attempts are sent each, of the same attempt once."""

    async def run():
        lm = lab.FakeLM()
        async with lab.open(tmp_path) as gateway:
            for attempt in (0, 1, 2, 1, 0):
                with scoped(attempt):
                    await gateway.complete(lm, lab.ask())
        return lm.sent

    sent = asyncio.run(run())
    assert len(sent) == len(set(sent)) == 3


def test_rollout_ids_are_sampled_anew(lab, tmp_path):
    """DSPy's rollout_id tells requests apart, given to the call or to the LM; without one it is the first."""

    async def run():
        numbers = iter(range(100))
        lm = lab.FakeLM(lambda _: f"answer {next(numbers)}")
        async with lab.open(tmp_path) as gateway:
            made = gateway_lm(gateway, lm)
            calls = [{}, {"rollout_id": 1}, {"rollout_id": 2}, {"rollout_id": 1}, {}]
            given = [(await made.acall("hello", temperature=1.0, **more))[0] for more in calls]
            copied = (await made.copy(rollout_id=2).acall("hello", temperature=1.0))[0]
        return given, copied

    given, copied = asyncio.run(run())
    assert given == ["answer 0", "answer 1", "answer 2", "answer 1", "answer 0"]
    assert copied == "answer 2"


@pytest.mark.parametrize("sync", [False, True])
def test_several_completions_are_distinct(lab, tmp_path, sync):
    """n=3 asks three times, n=1 reuses the first of them, and all of it once."""

    async def run():
        numbers = iter(range(100))
        lm = lab.FakeLM(lambda _: f"answer {next(numbers)}")
        async with lab.open(tmp_path) as gateway:
            made = gateway_lm(gateway, lm)

            async def call(n):
                if sync:
                    return await asyncio.to_thread(made, "hello", n=n, temperature=1.0)
                return await made.acall("hello", n=n, temperature=1.0)

            return [sorted(await call(n)) for n in (3, 1, 3, 5)]

    three, one, again, five = asyncio.run(run())
    assert len(set(three)) == 3
    assert one[0] in three
    assert again == three
    assert set(three) < set(five)
    assert len(set(five)) == 5


def test_threads_and_tasks_share_one_cache(lab, tmp_path):
    """Calls from threads, from tasks and from a program's own event loop are the same call."""

    async def run():
        lm = lab.FakeLM(lambda _: soon())
        async with lab.open(tmp_path) as gateway:
            made = gateway_lm(gateway, lm)
            messages = [{"role": "user", "content": "hello"}]
            with ThreadPoolExecutor(8) as threads:
                loop = asyncio.get_running_loop()
                in_threads = [loop.run_in_executor(threads, lambda: made(messages=messages)) for _ in range(8)]
                own_loop = loop.run_in_executor(threads, lambda: asyncio.run(made.acall(messages=messages)))
                tasks = [made.acall(messages=messages) for _ in range(8)]
                answers = await asyncio.gather(*in_threads, own_loop, *tasks)
            later = await made.acall("hello")  # DSPy's long way to the same request
        return lm.sent, [*answers, later]

    sent, answers = asyncio.run(run())
    assert len(sent) == 1
    assert answers == [["fine"]] * 18


def test_sync_call_on_the_loop_is_refused(lab, tmp_path):
    """A call that would wait for its own thread says so instead."""

    async def run():
        async with lab.open(tmp_path) as gateway:
            gateway.complete_sync(lab.FakeLM(), lab.ask())

    with pytest.raises(SyncInLoop):
        asyncio.run(run())


def test_unreadable_entry_is_asked_again(lab, tmp_path):
    """A cache entry that is no response is replaced by one."""

    async def run():
        lm = lab.FakeLM()
        async with lab.open(tmp_path) as gateway:
            await gateway.complete(lm, lab.ask())
            for junk in (b"", b"{}", b"[]", b"null", b'{"message": 1}', b"\x80\x04."):
                await gateway.cache.put(lm.sent[0], junk)
                assert (await gateway.complete(lm, lab.ask())).message.text == "fine"
        return len(lm.sent)

    assert asyncio.run(run()) == 7


# Cancelling


def test_answer_is_kept_when_the_asker_has_gone(lab, tmp_path):
    """What was sent is paid for: it is kept although nobody waits for it any more."""

    async def run():
        lm = lab.FakeLM(lambda _: soon(seconds=0.05))
        async with lab.open(tmp_path) as gateway:
            task = asyncio.ensure_future(gateway.complete(lm, lab.ask()))
            await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.sleep(0.1)
            return gateway.cache.get(lm.sent[0]), gateway.limiter.active, gateway._flights

    kept, active, flights = asyncio.run(run())
    assert kept
    assert (active, flights) == (0, {})


def test_what_waits_is_not_sent_for_nobody(lab, tmp_path):
    """A call that still waits for a slot when its asker goes is never sent, and holds nothing."""

    async def run():
        lm = lab.FakeLM(lambda _: soon(seconds=0.05))
        async with lab.open(tmp_path, slots=1) as gateway:
            first = asyncio.ensure_future(gateway.complete(lm, lab.ask("a")))
            await asyncio.sleep(0.01)
            second = asyncio.ensure_future(gateway.complete(lm, lab.ask("b")))
            await asyncio.sleep(0.01)
            second.cancel()
            await first
            await gateway.complete(lm, lab.ask("c"))
            return len(lm.sent), gateway.limiter.active

    assert asyncio.run(run()) == (2, 0)


def test_joining_a_call_that_is_being_given_up(lab, tmp_path):
    """Who asks for the same thing at the moment when its last asker goes still gets an answer."""

    async def run():
        lm = lab.FakeLM(lambda _: soon(seconds=0.05))
        async with lab.open(tmp_path, slots=1) as gateway:
            blocker = asyncio.ensure_future(gateway.complete(lm, lab.ask("a")))
            await asyncio.sleep(0.01)
            leaver = asyncio.ensure_future(gateway.complete(lm, lab.ask("b")))
            await asyncio.sleep(0.01)
            leaver.cancel()
            await asyncio.gather(leaver, return_exceptions=True)
            answer = await gateway.complete(lm, lab.ask("b"))
            await blocker
            return answer.message.text, len(lm.sent)

    assert asyncio.run(run()) == ("fine", 2)


def test_failed_call_is_not_repeated_for_nobody(lab, tmp_path):
    """Where a call fails after its asker has gone, it is not sent again."""

    async def run():
        async def fail():
            await asyncio.sleep(0.03)
            return dx.LMServerError("down", status=500)

        lm = lab.FakeLM(lambda _: fail())
        async with lab.open(tmp_path) as gateway:
            task = asyncio.ensure_future(gateway.complete(lm, lab.ask()))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.sleep(0.2)
            return len(lm.sent), gateway.limiter.active

    assert asyncio.run(run()) == (1, 0)


@pytest.mark.parametrize("seed", range(10))
def test_cancelling_at_random_leaks_nothing(lab, tmp_path, seed):
    """Askers that come and go at any time leave no slot and no reservation behind, and nothing is sent twice."""
    draw = random.Random(seed)

    async def run():
        async def reply():
            await asyncio.sleep(draw.uniform(0, 0.01))
            return dx.LMServerError("down", status=500) if draw.random() < 0.2 else "fine"

        lm = lab.FakeLM(lambda _: reply(), price=Price(1e-6, 1e-6))
        async with lab.open(tmp_path, slots=3, budget="10usd,10000calls") as gateway:
            tasks = []
            for _ in range(100):
                tasks.append(asyncio.ensure_future(gateway.complete(lm, lab.ask(str(draw.randrange(30))))))
                await asyncio.sleep(draw.uniform(0, 0.002))
                if draw.random() < 0.5:
                    draw.choice(tasks).cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(f.task for f in gateway._flights.values()), return_exceptions=True)
            reserved = gateway.meter._reserved
            stored = [key for key in set(lm.sent) if gateway.cache.get(key)]
            for key in stored:
                lm.sent = [k for k in lm.sent if k != key]
            for number in range(30):
                await gateway.complete(lm, lab.ask(str(number)))
            return gateway.limiter.active, reserved, gateway.meter._reserved, set(stored) & set(lm.sent)

    active, reserved, after, twice = asyncio.run(run())
    assert active == 0
    assert reserved == after == type(after)()
    assert twice == set()


def test_close_while_calls_are_under_way(lab, tmp_path):
    """Closing ends what is under way at once, threads included, and nobody waits for ever."""

    async def run():
        lm = lab.FakeLM(lambda _: soon(seconds=60))
        errors = []

        def in_thread():
            try:
                gateway.complete_sync(lm, lab.ask("thread"))
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

        async with lab.open(tmp_path) as gateway:
            thread = threading.Thread(target=in_thread)
            thread.start()
            task = asyncio.ensure_future(gateway.complete(lm, lab.ask("task")))
            await asyncio.sleep(0.05)
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(thread.join)
        return task.cancelled(), errors

    began = time.monotonic()
    cancelled, errors = asyncio.run(run())
    assert cancelled
    assert [type(e) for e in errors] == [asyncio.CancelledError]
    assert time.monotonic() - began < 30


# Retries and limits


@pytest.mark.parametrize(
    "error",
    [
        dx.LMRateLimitError("slow down", status=429),
        dx.LMServerError("down", status=503),
        dx.LMTimeoutError("late"),
        dx.LMTransportError("cut"),
        dx.LMUnexpectedError("no JSON"),
        TimeoutError(),
    ],
)
def test_passing_faults_are_retried(lab, tmp_path, error):
    """Faults that pass cost a retry and nothing else."""

    async def run():
        says = iter([error, error, "fine"])
        lm = lab.FakeLM(lambda _: next(says))
        async with lab.open(tmp_path) as gateway:
            return (await gateway.complete(lm, lab.ask())).message.text, gateway.meter.spent.calls

    assert asyncio.run(run()) == ("fine", 3)


@pytest.mark.parametrize(
    "error", [dx.LMInvalidRequestError("bad", status=400), dx.ContextWindowExceededError(model="m")]
)
def test_lasting_faults_are_not_retried(lab, tmp_path, error):
    """A request that can never be answered is sent once."""

    async def run():
        lm = lab.FakeLM(lambda _: error)
        async with lab.open(tmp_path) as gateway:
            with pytest.raises(type(error)):
                await gateway.complete(lm, lab.ask())
        return len(lm.sent)

    assert asyncio.run(run()) == 1


def test_retries_end(lab, tmp_path):
    """After so many attempts the error is the caller's."""

    async def run():
        lm = lab.FakeLM(lambda _: dx.LMServerError("down", status=500))
        async with lab.open(tmp_path, attempts=5) as gateway:
            with pytest.raises(dx.LMServerError):
                await gateway.complete(lm, lab.ask())
        return len(lm.sent)

    assert asyncio.run(run()) == 5


def test_local_backends_are_not_retried(lab, tmp_path):
    """An error of the embedded LM would come again."""

    async def run():
        lm = lab.FakeLM(lambda _: ValueError("a bug"), remote=False)
        async with lab.open(tmp_path) as gateway:
            with pytest.raises(dx.LMUnexpectedError, match="a bug"):
                await gateway.complete(lm, lab.ask())
        return len(lm.sent)

    assert asyncio.run(run()) == 1


def test_storm_halves_and_recovers(lab, tmp_path):
    """A provider that takes four at once is soon asked four at once, and more again when it takes more."""

    async def run():
        room = 4

        async def reply():
            if lm.in_flight > room:
                return dx.LMRateLimitError("slow down", status=429)
            await asyncio.sleep(0.002)
            return "fine"

        lm = lab.FakeLM(lambda _: reply())
        async with lab.open(tmp_path, slots=32, attempts=50) as gateway:
            await asyncio.gather(*(gateway.complete(lm, lab.ask(str(n))) for n in range(200)))
            low = gateway.limiter.limit
            room, lm.most_in_flight = 1000, 0
            await asyncio.gather(*(gateway.complete(lm, lab.ask(f"more {n}")) for n in range(400)))
            return low, gateway.limiter.limit, lm.most_in_flight

    low, high, most = asyncio.run(run())
    assert low <= 8
    assert high > 16
    assert most > 16


def test_never_more_in_flight_than_slots(lab, tmp_path):
    """The concurrency asked for is never exceeded."""

    async def run():
        lm = lab.FakeLM(lambda _: soon(seconds=0.001))
        async with lab.open(tmp_path, slots=5) as gateway:
            await asyncio.gather(*(gateway.complete(lm, lab.ask(str(n))) for n in range(60)))
        return lm.most_in_flight

    assert asyncio.run(run()) == 5


def test_retry_after_is_honoured(lab, tmp_path):
    """Nobody asks again before the time that the provider named."""

    async def run():
        times = []

        def reply(_request):
            times.append(time.monotonic())
            return dx.LMRateLimitError("wait", status=429, retry_after=0.3) if len(times) == 1 else "fine"

        lm = lab.FakeLM(reply)
        async with lab.open(tmp_path) as gateway:
            await asyncio.gather(gateway.complete(lm, lab.ask("a")), gateway.complete(lm, lab.ask("b")))
            await gateway.complete(lm, lab.ask("c"))
        return times

    first, *later = asyncio.run(run())
    assert len([t for t in later if t - first < 0.29]) <= 1  # b was on its way together with a


@pytest.mark.parametrize("failures", [1, 2, 5, 50, 2000])
def test_jitter_is_bounded(failures):
    """Waits are drawn between 0 and a bound that doubles up to the cap, after what the provider asks for."""
    retries = Retries(base=0.5, cap=30.0)
    bound = min(30.0, 0.5 * 2.0 ** min(failures - 1, 100))
    drawn = [retries.wait(failures, None) for _ in range(300)]
    assert all(0 <= wait <= bound for wait in drawn)
    assert max(drawn) - min(drawn) > bound / 2
    assert all(7 <= retries.wait(failures, 7.0) <= 7 + bound for _ in range(100))


# Budgets


def test_unknown_price_with_a_money_budget(lab, tmp_path):
    """The error says how to give a price, and nothing is sent."""

    async def run():
        lm = lab.FakeLM()
        async with lab.open(tmp_path, budget="1usd") as gateway:
            with pytest.raises(Stop) as caught:
                await gateway.complete(lm, lab.ask())
        return lm.sent, caught.value.error

    sent, error = asyncio.run(run())
    assert sent == []
    assert isinstance(error, LMSetupError)
    assert "price=" in str(error)


def test_unknown_longest_answer_with_a_token_budget(lab, tmp_path):
    """Where the longest answer is not known, the error says how to give it."""

    async def run():
        lm = lab.FakeLM()
        lm.max_output = None
        async with lab.open(tmp_path, budget="1000tokens") as gateway:
            with pytest.raises(Stop) as caught:
                await gateway.complete(lm, lab.ask())
            await gateway.complete(lm, lab.ask(max_tokens=5))
        return caught.value.error

    error = asyncio.run(run())
    assert isinstance(error, LMSetupError)
    assert "max_tokens=" in str(error)


def test_hits_need_no_budget(lab, tmp_path):
    """What is on disk is answered after the budget is used up."""

    async def run():
        lm = lab.FakeLM()
        async with lab.open(tmp_path, budget="1call") as gateway:
            await gateway.complete(lm, lab.ask("a"))
            with pytest.raises(Stop):
                await gateway.complete(lm, lab.ask("b"))
            return (await gateway.complete(lm, lab.ask("a"))).message.text

    assert asyncio.run(run()) == "fine"


@pytest.mark.parametrize("where", ["sending", "door", "retry", "slot"])
def test_time_budget_ends_every_wait(lab, tmp_path, where):
    """A time budget ends calls wherever they wait: for an answer, at the shut door, between tries, for a slot."""

    async def run():
        errors = {
            "door": dx.LMRateLimitError("wait", status=429, retry_after=600),
            "retry": dx.LMServerError("wait", status=500, retry_after=600),
        }
        lm = lab.FakeLM(lambda _: errors[where] if where in errors else soon(seconds=600))
        async with lab.open(tmp_path, budget="0.3s", slots=1 if where == "slot" else 4) as gateway:
            calls = (gateway.complete(lm, lab.ask(str(n))) for n in range(3))
            return await asyncio.gather(*calls, return_exceptions=True), gateway.limiter.active

    outcomes, active = asyncio.run(asyncio.wait_for(run(), 20))
    assert all(isinstance(o, Stop) and isinstance(o.error, BudgetReached) for o in outcomes), outcomes
    assert active == 0


def test_what_was_sent_before_the_budget_ended_is_kept(lab, tmp_path):
    """When the budget ends a run, answers on their way are paid for: closing waits for them."""

    async def run():
        lm = lab.FakeLM(lambda _: soon(seconds=0.2), price=Price(1e-3, 1e-3))
        async with lab.open(tmp_path, budget="0.5usd") as gateway:
            first = asyncio.ensure_future(gateway.complete(lm, lab.ask("a")))
            await asyncio.sleep(0.05)
            with pytest.raises(Stop):
                await gateway.complete(lm, lab.ask("b" * 5000))
            first.cancel()
        async with lab.open(tmp_path) as gateway:
            await gateway.complete(lm, lab.ask("a"))
        return len(lm.sent)

    assert asyncio.run(run()) == 1


def limits(draw):
    kinds = draw.sample(["usd", "calls", "tokens"], draw.randint(1, 3))
    return Budget(
        usd=draw.uniform(0.0005, 0.02) if "usd" in kinds else None,
        calls=draw.randint(1, 120) if "calls" in kinds else None,
        tokens=draw.randint(200, 12_000) if "tokens" in kinds else None,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(190))
def test_never_over_budget(lab, tmp_path, seed):
    """Sixty-four in flight, with faults and answers of any length: no limit is passed, and the rest can be resumed."""
    draw = random.Random(seed)
    budget = limits(draw)
    billed = {"usd": 0.0, "calls": 0, "tokens": 0}
    price = Price(1e-6, 3e-6)

    async def reply(request):
        billed["calls"] += 1
        await asyncio.sleep(draw.choice([0, 0, 0.001, 0.003]))
        if draw.random() < 0.15:
            return dx.LMServerError("down", status=500)
        read, written = draw.randint(1, 60), draw.randint(0, 50)
        billed["usd"] += price.usd(read, written)
        billed["tokens"] += read + written
        if draw.random() < 0.05:
            return dx.LMTransportError("cut after it was billed")
        return lab.answer(request.messages[0].text, read, written)

    async def run():
        # With eight attempts, one call in half a million fails in all of them: a run of this test in twenty.
        lm = lab.FakeLM(reply, price=price)
        async with lab.open(tmp_path, base=0.0005, attempts=30) as gateway:
            gateway.meter.budget = budget
            calls = (gateway.complete(lm, lab.ask(f"question {n}")) for n in range(100))
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        reached, before = gateway.meter.spent, dict(billed)
        sent = set(lm.sent)
        async with lab.open(tmp_path, base=0.0005, attempts=30) as gateway:
            kept = {key for key in sent if gateway.cache.get(key)}
            lm.sent.clear()
            calls = (gateway.complete(lm, lab.ask(f"question {n}")) for n in range(100))
            texts = [response.message.text for response in await asyncio.gather(*calls)]
        return outcomes, reached, before, kept & set(lm.sent), texts

    outcomes, reached, before, twice, texts = asyncio.run(run())
    for kind, used in before.items():
        limit = getattr(budget, kind)
        assert limit is None or used <= limit + 1e-9
        assert limit is None or getattr(reached, kind) <= limit + 1e-9
    refused = [o for o in outcomes if isinstance(o, BaseException)]
    assert all(isinstance(o, Stop) and isinstance(o.error, BudgetReached) for o in refused)
    assert twice == set(), "what was reached is paid for again"
    assert texts == [f"question {n}" for n in range(100)]


# What cannot work


@pytest.mark.parametrize(
    "error", [dx.LMAuthError("no", status=401), dx.LMBillingError("broke"), dx.LMUnsupportedModelError("?")]
)
def test_refused_for_good(lab, tmp_path, error):
    """A wrong key, model or account ends the run at once, with the place to look."""

    async def run():
        lm = lab.FakeLM(lambda _: error)
        async with lab.open(tmp_path) as gateway:
            with pytest.raises(Stop) as caught:
                await gateway.complete(lm, lab.ask())
        return len(lm.sent), caught.value.error

    sent, stopped = asyncio.run(run())
    assert sent == 1
    assert isinstance(stopped, LMUnavailable)
    assert "FAKE_API_KEY" in str(stopped)


def test_unreachable_from_the_start(lab, tmp_path):
    """A provider that was never reached is given up after few tries, with the address to check."""

    async def run():
        lm = lab.FakeLM(lambda _: dx.LMTransportError("Connection refused"))
        async with lab.open(tmp_path, attempts=100) as gateway:
            with pytest.raises(Stop) as caught:
                await gateway.complete(lm, lab.ask())
        return len(lm.sent), caught.value.error

    sent, stopped = asyncio.run(run())
    assert sent <= 4
    assert isinstance(stopped, LMUnavailable)
    assert "api_base" in str(stopped)


def test_unreachable_is_given_up_within_seconds():
    """With the default waits, a provider that refuses connections is given up in less than 15 s."""
    retries = Retries()
    assert sum(min(retries.cap, retries.base * 2**n) for n in range(3)) < 15


def test_lost_connection_later_is_no_end(lab, tmp_path):
    """A provider that has answered before, if only to refuse, is worth all the retries."""

    async def run():
        says = iter([dx.LMServerError("starting", status=503), *[dx.LMTransportError("cut")] * 6, "fine"])
        lm = lab.FakeLM(lambda _: next(says))
        async with lab.open(tmp_path, attempts=10) as gateway:
            return (await gateway.complete(lm, lab.ask())).message.text

    assert asyncio.run(run()) == "fine"


def test_what_is_no_exception_escapes(lab, tmp_path):
    """An LMSetupError of a backend ends the run; it is not a failed call."""

    async def run():
        lm = lab.FakeLM(lambda _: LMSetupError("wrong", hint="do this"))
        async with lab.open(tmp_path) as gateway:
            with pytest.raises(Stop, match="do this"):
                await gateway.complete(lm, lab.ask())

    asyncio.run(run())


# Secrets and recording


def test_keys_that_the_provider_echoes(lab, tmp_path):
    """A key in an answer or an error reaches neither the cache, nor the recording, nor the caller."""
    key = 'sk-"quoted\\key"-0123456789'
    secrets = Secrets()
    secrets.add({"api_key": key})

    async def run():
        says = iter([f"your key is {key}", dx.LMInvalidRequestError(f"bad key {key}", status=400)])
        lm = lab.FakeLM(lambda _: next(says))
        recording = Recording(tmp_path / "recording.jsonl")
        async with lab.open(tmp_path, secrets=secrets, recording=recording) as gateway:
            answer = await gateway.complete(lm, lab.ask("a"))
            with pytest.raises(dx.LMInvalidRequestError) as caught:
                await gateway.complete(lm, lab.ask("b"))
        return answer.message.text, str(caught.value)

    said, error = asyncio.run(run())
    assert said == "your key is [redacted]"
    assert "0123456789" not in error
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"0123456789" not in file.read_bytes(), file


def test_failed_calls_are_recorded_in_the_rollout(lab, tmp_path):
    """A call without an answer is part of the rollout, with the reason."""

    async def run():
        lm = lab.FakeLM(lambda _: dx.LMInvalidRequestError("too long", status=400))
        scope = Scope()
        async with lab.open(tmp_path) as gateway:
            with dspy.context(**{SETTING: scope}), pytest.raises(dx.LMInvalidRequestError):
                await gateway.complete(lm, lab.ask())
        return scope.recorder.steps("failed")

    (step,) = asyncio.run(run())
    assert step.calls[0].completion is None
    assert "too long" in step.calls[0].error


def test_usage_counts_what_was_sent(lab, tmp_path):
    """Calls, tokens and dollars are what the provider says; hits cost nothing."""

    async def run():
        lm = lab.FakeLM(lambda _: lab.answer("x", 100, 10), price=Price(1e-6, 1e-5))
        async with lab.open(tmp_path) as gateway:
            for text in ("a", "b", "a"):
                await gateway.complete(lm, lab.ask(text))
            return gateway.meter

    meter = asyncio.run(run())
    assert (meter.spent.calls, meter.hits, meter.input_tokens, meter.output_tokens) == (2, 1, 200, 20)
    assert meter.spent.usd == pytest.approx(2 * (100e-6 + 10e-5))


def test_no_thread_is_left(lab, tmp_path):
    """A closed gateway leaves no thread and no task behind."""

    async def run():
        async with lab.open(tmp_path) as gateway:
            await gateway.complete(lab.FakeLM(), lab.ask())
        return [t.name for t in threading.enumerate() if t.name == "limbeck-cache"], len(asyncio.all_tasks())

    assert asyncio.run(run()) == ([], 1)
