#!/usr/bin/env bash
# Trains a suite and gates it against a saved baseline: what a repository calls in its CI, as it is.
#
#   ci/regression.sh SUITE BASELINE [FOLDER] [OPTION...]
#
# FOLDER (results/regression) gets the run and the gate's files: gate.md, gate.xml, gate.json and the page.
# Further options go to `ganbench gate`, such as `--insufficient pass`.  The exit code is the gate's:
# 0 pass, 1 regression, 2 bad input, 3 incomplete, 4 no baseline or not comparable, 5 insufficient evidence,
# 130 interrupted.  In GitHub Actions the summary is shown on the job's page.
set -uo pipefail

if [ $# -lt 2 ]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
fi
suite=$1 baseline=$2 folder=${3:-results/regression}
shift $(($# < 3 ? $# : 3))

gate() {
    ganbench gate "$baseline" "$folder/run" --out "$folder/gate" "$@"
    code=$?
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$folder/gate/gate.md" ]; then
        cat "$folder/gate/gate.md" >>"$GITHUB_STEP_SUMMARY"
    fi
    exit "$code"
}

if [ ! -e "$baseline" ]; then
    gate "$@" # says what is missing, before minutes are spent on training
fi
ganbench run "$suite" --out "$folder/run"
code=$?
case $code in
0 | 3) gate "$@" ;; # a failed cohort is the gate's to report
*) exit "$code" ;;
esac
