"""What the benchmark makes of its figures: /proc, medians and slopes, ratios, profiles, and the page of results."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import findings, procfs, profiles, rates, ratios
from bench.findings import Findings
from bench.ratios import RATIOS, Judged, Ratio
from bench.targets import TABLE, TARGETS, Target

STAT = "4242 (a (b) c) S 17 4242 4242 0 -1 4194560 5120 0 3 0 250 150 0 0 20 0 4 0 100 1000000 5000 18446744073709551615 0 0"


def test_stat_is_read_though_the_name_holds_brackets() -> None:
    parent, seconds = procfs.parse_stat(STAT)
    assert (parent, seconds) == (17, 400 / procfs.TICKS)


def test_pss_is_told_in_mebibytes_and_its_absence_is_said() -> None:
    assert procfs.parse_pss("00400000-7fff rollup\nRss:   9000 kB\nPss:   2048 kB\nPss_Dirty: 1 kB\n") == 2.0
    with pytest.raises(ValueError, match="Pss"):
        procfs.parse_pss("Rss: 1 kB\n")


def test_descendants_are_all_below_and_nobody_beside() -> None:
    assert procfs.descendants({2: 1, 3: 2, 4: 3, 5: 1, 6: 5}, 2) == {2, 3, 4}


def test_own_process_has_memory_and_a_parent() -> None:
    pid = int(Path("/proc/self").resolve().name)
    assert procfs.pss_mb([pid]) > 1
    assert procfs.parents()[pid] > 0
    assert procfs.cpu_s([pid]) >= 0.0


def test_process_that_has_gone_counts_nothing() -> None:
    assert (procfs.cpu_s([2**22 + 1]), procfs.pss_mb([2**22 + 1])) == (0.0, 0.0)


@pytest.mark.parametrize(("values", "expected"), [([], 0.0), ([5.0], 0.0), ([90.0, 100.0, 110.0], 0.1), ([0.0, 0.0], 0.0)])
def test_spread_is_half_the_width_as_a_part_of_the_median(values: list[float], expected: float) -> None:
    assert rates.spread(values) == pytest.approx(expected)


def test_slope_is_that_of_the_nearest_line() -> None:
    assert rates.slope([(0, 1.0), (1, 3.5), (2, 5.0), (3, 7.5)]) == pytest.approx(2.1)
    assert rates.slope([(1, 1.0), (1, 9.0)]) == 0.0


def test_drift_compares_the_last_quarter_with_the_first() -> None:
    assert rates.drift([1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 1.1, 1.1]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("values", "expected"), [([9, 9, 9, 9], 0.0), ([9, 99, 99, 9], 2.0), ([9, 99, 9, 99, 9], 3.0), ([9, 9, 9, 99], None)]
)
def test_recovery_counts_from_the_end_until_all_is_well_for_good(values: list[float], expected: float | None) -> None:
    slices = [(float(second), value) for second, value in enumerate(values)]
    assert rates.recovered_after(slices, 1.0, 50.0) == expected


@pytest.mark.parametrize(("side", "value", "met"), [("≤", 5.0, True), ("≤", 5.1, False), ("≥", 5.0, True), ("≥", 4.9, False)])
def test_target_is_met_from_its_side(side: str, value: float, met: bool) -> None:
    assert Target("k", "what", "s", side, 5.0).is_met(value) is met  # type: ignore[arg-type] # one of two
    assert Target("k", "what", "s").is_met(value) is None


def test_every_figure_has_a_key_of_its_own() -> None:
    assert len(TARGETS) == sum(len(rows) for rows in TABLE.values())


def test_stage_that_costs_more_references_than_its_row_allows_is_found() -> None:
    times = {row.stage: 2.0 * row.most for row in RATIOS} | {row.reference: 2.0 for row in RATIOS}
    assert all(each.is_met for each in ratios.judge(times))
    times[RATIOS[0].stage] *= 1.01
    assert [each.is_met for each in ratios.judge(times)] == [False] + [True] * (len(RATIOS) - 1)


def test_slow_machine_changes_no_ratio() -> None:
    times = {row.stage: 3.0 for row in RATIOS} | {row.reference: 2.0 for row in RATIOS}
    slow = {name: seconds * 7 for name, seconds in times.items()}
    assert [each.found for each in ratios.judge(times)] == pytest.approx([each.found for each in ratios.judge(slow)])


def test_stage_that_was_not_measured_is_no_stage_that_is_fast_enough() -> None:
    with pytest.raises(KeyError):
        ratios.judge({})


def test_of_two_runs_each_stage_counts_at_its_best() -> None:
    row = Ratio("read", "reference", 5)
    assert [
        each.found for each in ratios.better([Judged(row, 1, 6), Judged(row, 1, 2)], [Judged(row, 1, 4), Judged(row, 1, 3)])
    ] == [4, 2]


def test_report_of_the_micro_benchmarks_is_read_by_its_least_times() -> None:
    report: Mapping[str, object] = {"benchmarks": [{"name": "test_read", "stats": {"min": 0.5, "mean": 0.9}}]}
    assert ratios.least(report) == {"read": 0.5}


def test_profile_tells_who_ran_and_who_waited_for_whom() -> None:
    folded = [
        "thread (1);main (work/x/a/b/c/loop.py:10);read (c/dial.py:5) 30",
        "thread (1);main (work/x/a/b/c/loop.py:12) 10",
        "no count",
    ]
    text = profiles.summary("worker", folded)
    own, whole = text.split("with what it called:")
    assert " 75.0 %  read (c/dial.py)\n 25.0 %  main (b/c/loop.py)" in own
    assert "100.0 %  main (b/c/loop.py)" in whole
    assert "40 samples" in text


def test_profile_of_nothing_is_said_and_raises_nothing() -> None:
    assert "0 samples" in profiles.summary("worker", [])


def a_run(label: str, *values: float) -> Findings:
    found = Findings(
        label, {"date": "2026-01-01", "revision": "abc", "machine": {"processor": "2 cores"}, "versions": {"Python": "3"}}
    )
    found.add("of_ceiling", *values)
    return found


def test_page_has_a_column_a_label_with_median_spread_and_verdict() -> None:
    text = findings.page([a_run("before", 20, 30, 40), a_run("now", 90)])
    assert "| figure | target | before | now |" in text
    assert "| ≥ 85 % | 30 ±33 % **missed** | 90 **met** |" in text


def test_page_says_of_which_code_each_figure_is() -> None:
    found = a_run("now", 90)
    assert "* **now**: 2026-01-01, revision abc; " in findings.page([found])
    found.place["revision"] = "def"
    found.add("soak.lost", 0)
    found.add("soak.minutes", 60)
    assert "* **now**: 2026-01-01, revisions def (2 figures), abc (1 figure); " in findings.page([found])


def test_page_has_no_table_of_what_nobody_measured() -> None:
    assert "Soak" not in findings.page([a_run("now", 90)])


def test_sentence_about_what_could_not_be_measured_is_on_the_page() -> None:
    found = a_run("now", 90)
    found.note("cryptofeed", "not measured: no compiler")
    assert "* now, cryptofeed: not measured: no compiler" in findings.page([found])


def test_figure_that_no_row_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        a_run("now", 1).add("nonsense", 1)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.01234, "0.0123"), (12.34, "12.3"), (999.4, "999"), (14_532.6, "14,533")]
)
def test_figure_is_shown_with_the_digits_that_count(value: float, text: str) -> None:
    assert findings.shown(value) == text


def test_page_in_the_tree_is_the_one_that_the_kept_results_make() -> None:
    assert findings.PAGE.read_text() == findings.page(findings.everything())
