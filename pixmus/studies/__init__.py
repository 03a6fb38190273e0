"""What is measured: every study makes tables and pictures of docs/results.

A study is a module that holds a `Study` (see `runner`) under the name STUDY; `pixmus evaluate NAME`
runs it.
"""

# Name on the command line: module that holds the study.
STUDIES = {
    name: f"pixmus.studies.{name.replace('-', '_')}"
    for name in (
        "bench",
        "compare",
        "dataset",
        "editors",
        "encoder",
        "field",
        "listening",
        "many",
        "mood",
        "page",
        "placement",
        "renderers",
        "report",
        "reproduce",
        "rolls",
        "score-model",
        "seen",
        "sound",
        "space",
        "speech",
        "spotting",
        "summary",
        "sync",
        "take",
        "thesis-metrics",
        "tree",
        "trust",
        "way",
    )
}
