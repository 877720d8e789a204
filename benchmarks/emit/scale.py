"""Exports of large stores."""

from harness import Values, bench


@bench("SFT of 1,000,000 traces: near duplicates, decontamination, split", minutes="<= 6", peak_mib="< 1024",
       ratio_of_a_row_100k_to_1m="<= 1.15", preference_to_sft="<= 1.5")  # fmt: skip
def million(quick: bool) -> Values:
    import tempfile
    from pathlib import Path

    import emit_store

    few, many = (2_000, 20_000) if quick else (100_000, 1_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        emit_store.make(folder / "few", few)
        size = emit_store.make(folder / "many", many)
        # Small ones before and after the large one: a machine that slows down meanwhile is no finding.
        small = [emit_store.export(folder / "few", "one", *emit_store.CLEAN)[1]]
        result, seconds = emit_store.export(folder / "many", "sft", *emit_store.CLEAN)
        peak = emit_store.peak_mib()
        small.append(emit_store.export(folder / "few", "two", *emit_store.CLEAN)[1])
        start = emit_store.export(folder / "few", "three", *emit_store.CLEAN, "--limit", "1")[1] if quick else 0.0
        flags = ("--format", "trl-preference", *emit_store.CLEAN)
        pairs, for_pairs = emit_store.export(folder / "many", "preference", *flags)
    if result["read"] != many or result["read"] != result["emitted"] + sum(result["dropped"].values()):
        raise RuntimeError(f"counts do not add up: {result}")
    return {
        "minutes": seconds / 60, "peak_mib": peak, "bytes_a_stored_trace": size, "rows": result["emitted"],
        "duplicates": sum(n for reason, n in result["dropped"].items() if "duplicate" in reason),
        "contaminated": result["dropped"].get("contaminated", 0), "us_a_trace": seconds / many * 1e6,
        "us_a_trace_of_100k": sum(small) / 2 / few * 1e6,
        "ratio_of_a_row_100k_to_1m": (seconds / many) / (sum(small) / 2 / few),
        "preference_to_sft": for_pairs / seconds,
        "pairs": pairs["emitted"], **({"start_seconds": start} if quick else {}),
    }  # fmt: skip


@bench("an export killed at five moments, and run again", half_written="<= 0", left_behind="<= 0", same_bytes=">= 5")
def killed(quick: bool) -> Values:
    import hashlib
    import signal
    import subprocess
    import tempfile
    import time
    from pathlib import Path

    import emit_store

    n = 2_000 if quick else 40_000

    def digest(out: Path) -> str:
        files = sorted(path for path in out.rglob("*") if path.is_file())
        whole = hashlib.sha256()
        for path in files:
            whole.update(str(path.relative_to(out)).encode() + path.read_bytes())
        return whole.hexdigest()

    half_written = left_behind = same = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "store")
        emit_store.make(folder, n)
        seconds = emit_store.export(folder, "whole", *emit_store.CLEAN)[1]
        whole = digest(folder / "whole")
        for moment in range(1, 6):
            out = f"killed{moment}"
            process = subprocess.Popen(
                emit_store.command(out, *emit_store.CLEAN), cwd=folder, stdout=subprocess.DEVNULL
            )
            time.sleep(seconds * moment / 6)
            process.send_signal(signal.SIGKILL)
            process.wait()
            half_written += (folder / out).exists()
            emit_store.export(folder, out, *emit_store.CLEAN)
            same += digest(folder / out) == whole
            left_behind += len(list(folder.glob(f".{out}.*")))
    return {"half_written": half_written, "left_behind": left_behind, "same_bytes": same, "seconds": seconds}
