#!/usr/bin/env bash
# Trains a suite and gates it against a saved baseline: what a repository calls in its CI, as it is.
#
#   ci/regression.sh SUITE BASELINE [FOLDER] [OPTION...]
#
# FOLDER (results/regression) gets the run and the gate's files: gate.md, gate.xml, gate.json and the page.
# OPTIONs go to `ganbench gate`, such as `--insufficient pass`; GANBENCH_RUN_OPTIONS goes to `ganbench run`,
# such as `--include mine.py --workers 1`.  The exit code is the gate's, the first that holds:
# 130 interrupted, 2 bad input, 4 no baseline or not comparable, 3 incomplete, 1 regression,
# 5 insufficient evidence, 0 pass; 70 where ganbench itself failed.
# In GitHub Actions the summary is shown on the job's page.
set -uo pipefail

if [ $# -lt 2 ]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
fi
suite=$1 baseline=$2 folder=results/regression
shift 2
case ${1:--} in
-*) ;;
*)
    folder=$1
    shift
    ;;
esac
read -r -a run_options <<<"${GANBENCH_RUN_OPTIONS:-}"
rm -rf -- "$folder/gate" # an earlier verdict must not be taken for this one

finish() { # CODE: show the summary, and end
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -f "$folder/gate/gate.md" ]; then
        cat -- "$folder/gate/gate.md" >>"$GITHUB_STEP_SUMMARY"
    fi
    exit "$1"
}

refuse() { # CODE TEXT: the gate could not be asked
    ganbench refusal "$1" "$2" "$folder/gate"
    printf '%s\n' "$2" >&2
    finish "$1"
}

if ! command -v ganbench >/dev/null; then
    echo "ganbench is not installed here" >&2
    exit 70
fi
if [ ! -e "$baseline" ]; then # said before minutes are spent on training
    refuse 4 "$baseline: there is no baseline; \`ganbench baseline save RUN $baseline\` makes one from a run"
fi
ganbench run "$suite" --out "$folder/run" "${run_options[@]}"
code=$?
case $code in
0 | 3) ;; # a failed cohort is the gate's to report
2 | 130) refuse "$code" "\`ganbench run $suite\` ended with exit code $code; its output says why" ;;
*) refuse 70 "\`ganbench run $suite\` failed with exit code $code; its output says why" ;;
esac
ganbench gate "$baseline" "$folder/run" --out "$folder/gate" "$@"
finish $?
