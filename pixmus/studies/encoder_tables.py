"""The tables of `encoder.json`, as `pixmus evaluate encoder` measured it."""

from __future__ import annotations

from typing import Any

from pixmus.curves import Curve
from pixmus.studies.score_tables import figure, markdown_rows

Report = dict[str, Any]

# Whole songs and inside songs, Spearman: what ridge regression by song reaches on the same data.
TO_BEAT = {
    ("whole", "note density"): {"look": 0.53, "motion and cuts": 0.19},
    ("whole", "loudness"): {"look": 0.35, "motion and cuts": 0.09},
    ("whole", "minor key"): {"look": 0.31, "motion and cuts": 0.08},
    ("inside", "loudness"): {"all": 0.45, "motion and cuts": 0.30},
    ("inside", "note density"): {"all": 0.26, "motion and cuts": 0.16},
}


MOMENTS = {
    "flash": "a flash of two frames",
    "stop": "a fast pan that stops dead",
    "fall": "a thing a quarter of the picture large that falls and lies there",
    "slow stop": "the same pan, coming to rest in a second: no moment",
    "thrown up": "the same thing flying up and stopping there: a stop, no fall",
}


def _said(entry: Report | None, key: str = "spearman") -> str:
    if entry is None:
        return "-"
    if key not in entry:
        return "-"
    return figure(entry[key], entry.get("interval"))


def summary_rows(report: Report) -> list[list[str]]:
    """What stands in the README: measure, encoder, rules, constant, shuffled, to beat."""
    rows: list[list[str]] = []
    videos = report.get("music videos")
    if videos:
        for (scope, name), goals in TO_BEAT.items():
            got = videos[scope][name]
            for inputs, goal in goals.items():
                rows.append(
                    [
                        f"MuVi-Sync, {scope} songs: {name}, from {inputs}",
                        _said(got[f"encoder, {inputs}"]),
                        _said(got.get("rules, motion and cuts"))
                        if inputs == "motion and cuts"
                        else "-",
                        "0",
                        _said(got["shuffled videos"]),
                        f"{goal:.2f}",
                    ]
                )
    photographs = report.get("photographs")
    if photographs:
        for name in (Curve.VALENCE, "arousal"):
            got = photographs[name]
            rows.append(
                [
                    f"OASIS: {name}" + (" (in no curve)" if name == "arousal" else ""),
                    _said(got["encoder"]),
                    _said(got["rules"]),
                    "0",
                    _said(got["shuffled photographs"]),
                    "rules",
                ]
            )
    for truth, got in report.get("truths", {}).items():
        rows.append(
            [
                f"truth kept: {truth}",
                _said(got["encoder"], "kept"),
                _said(got["rules"], "kept"),
                "1",
                "-",
                "1",
            ]
        )
    shows = report.get("slideshows")
    if shows:
        got = shows[Curve.VALENCE]
        who = ("encoder", "rules", "constant", "shuffled slideshows")
        rows += [
            [
                "slideshows of rated photographs: valence's order",
                *[_said(got[one]) if one != "constant" else "0" for one in who],
                "rules",
            ],
            [
                "slideshows: of two clearly different photographs the happier one is heard so",
                *[
                    _said(got[one]["pairs"], "share") if one != "constant" else "0.50"
                    for one in who
                ],
                "1",
            ],
        ]
    hits = report.get("hits")
    if hits:
        scenes = hits["new scene outweighs cuts inside one"]
        rows.append(
            [
                "hit points: a new scene outweighs cuts inside one",
                _said(scenes["encoder"], "share"),
                _said(scenes["rules before"], "share") + " (before this)",
                "0",
                "-",
                "rules",
            ]
        )
        for kind in ("flash", "stop", "fall"):
            if kind in hits:
                rows.append(
                    [
                        f"hit points: a {kind} put into a clip, found within 0.1 s",
                        _said(hits[kind], "found within 0.1 s"),
                        "0",
                        "0",
                        "-",
                        "rules",
                    ]
                )
    retrieval = report.get("retrieval")
    if retrieval:
        for k in ("P@1", "P@5"):
            rows.append(
                [
                    f"retrieval among {retrieval['excerpts']}: {k}",
                    _precision(retrieval["encoder"], k),
                    _precision(retrieval["rules"], k),
                    f"{retrieval['chance'][k]:.3f} (chance)",
                    _precision(retrieval["encoder, music shuffled"], k),
                    "rules",
                ]
            )
    cost = report.get("cost")
    if cost:
        rows.append(
            [
                "processor seconds added to 60 s of picture",
                f"{cost['added']:.3f}",
                "0",
                "0",
                "-",
                "0.3",
            ]
        )
    return rows


def _list(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _precision(entry: Report, k: str) -> str:
    return figure(entry[k], entry[f"{k} interval"])


HEAD = ("measure", "encoder", "rules", "constant", "shuffled", "to beat")


def to_markdown(report: Report) -> str:
    """All tables of `encoder.md`."""
    lines = [
        "# The conditioning encoder",
        "",
        "Made by `pixmus evaluate encoder`. Spearman correlations unless it says otherwise; 95 % "
        "bootstrap intervals over songs, photographs, clips or excerpts. What was fitted is judged "
        "on what it was not fitted on (ten folds, by song and by theme). *Look* is the image "
        "embedding's projection, *constant* the same answer for every picture, *shuffled* the "
        "answers of other pictures.",
        "",
        markdown_rows(HEAD, summary_rows(report)),
        "",
        "**Where the rules stay.** Tempo, style, ensemble, register and the level of pace in a "
        "clip are rules: there is no data behind the first three, and between songs MuVi-Sync "
        "says that more motion and more cuts go with *fewer* notes. The encoder's own row for "
        "whole songs from motion and cuts uses that; the curves that it delivers do not, since a "
        "faster picture would then be given sparser music. Inside a clip and from the look, the "
        "learned weights decide. Energy's colour is the rules' too: the arousal that is learned "
        "from photographs is ahead of theirs by less than can be told, and enters no curve.",
        "",
    ]
    if "retrieval" in report:
        got = report["retrieval"]
        above = got["encoder above rules"]
        lines += [
            f"Retrieval is {got['seeds']} searches among {got['excerpts']} excerpts of "
            f"{got['seconds']:.0f} s, each with a seed of its own; by seed P@1 is "
            f"{_list(got['encoder']['P@1 by seed'])} (encoder) and "
            f"{_list(got['rules']['P@1 by seed'])} (rules). On the same excerpts the encoder is "
            f"ahead by {above['P@1']:+.2f} ({above['P@1 interval'][0]:+.2f} to "
            f"{above['P@1 interval'][1]:+.2f}) at P@1 and {above['P@5']:+.2f} "
            f"({above['P@5 interval'][0]:+.2f} to {above['P@5 interval'][1]:+.2f}) at P@5.",
            "",
        ]
    if "truths" in report:
        rows = [
            [
                truth,
                str(got["clips"]),
                *[
                    f"{figure(got[who]['kept'], got[who]['interval'])}; held out "
                    f"{figure(got[who]['kept held out'])}; median {got[who]['median change']:+.3f}"
                    + (
                        f"; tempo {figure(got[who]['tempo kept'])}"
                        if "tempo kept" in got[who]
                        else ""
                    )
                    for who in ("encoder", "rules")
                ],
                f"{got['encoder']['worst'][0]} {got['encoder']['worst'][1]:+.3f}",
            ]
            for truth, got in report["truths"].items()
        ]
        lines += [
            "## Truths by construction",
            "",
            "Every shared clip (its first 12 s), its pixels or times changed and measured again; "
            "the share of clips whose mean valence or energy goes the way that it must, within "
            "0.005.",
            "",
            markdown_rows(("truth", "clips", "encoder", "rules", "encoder's worst"), rows),
            "",
        ]
    if "slideshows" in report:
        shows = report["slideshows"]
        rows = [
            [
                f"{curve}, {ratings} ratings",
                *[_said(shows[curve][who]) for who in order],
                *[_said(shows[curve][who]["pairs"], "share") for who in order],
            ]
            for curve, ratings in ((Curve.VALENCE, Curve.VALENCE), (Curve.ENERGY, "arousal"))
            for order in [("encoder", "rules", "shuffled slideshows")]
        ]
        alone, cuts = shows[Curve.VALENCE]["alone"], shows["cuts"]
        lines += [
            "### Slideshows of rated photographs",
            "",
            f"{shows['slideshows']} slideshows of {shows['slides']} photographs, 2 to 5 s each, "
            "the camera moving slowly; each has a photograph out of each fifth of the ratings, in "
            "any order, and is heard by an encoder that saw no photograph of its themes. Spearman, "
            "inside each slideshow, of the curve's mean over a slide with the slide's rating; and "
            "the share of pairs at least 2 of 7 points apart "
            f"({shows['valence']['encoder']['pairs']['count']} for valence, "
            f"{shows['energy']['encoder']['pairs']['count']} for arousal) that stand in the order "
            "of their ratings (a constant: 0 and 0.50).",
            "",
            markdown_rows(
                (
                    "curve",
                    *(f"order: {who}" for who in ("encoder", "rules", "shuffled")),
                    *(f"pairs: {who}" for who in ("encoder", "rules", "shuffled")),
                ),
                rows,
            ),
            "",
            f"This truth is kept in {shows['valence']['encoder']['pairs']['share']:.0%} of the "
            "pairs, far from all of them: what is shown, which the ratings are mostly about, is "
            "not seen without the backbone. The same mood of the same photographs as stills "
            f"reaches {_said(alone)} and {_said(alone['pairs'], 'share')}; the rest is lost to "
            "smoothing over phrases. Energy does not follow the arousal that people rate, by the "
            f"encoder or by the rules: it is pace. Of the {cuts['true']} cuts "
            f"{cuts['recall']['share']:.3f} were found within one frame, and "
            f"{cuts['precision']['share']:.3f} of what was found is one.",
            "",
        ]
    if "hits" in report:
        rows = [
            [
                name,
                str(got["put in"]),
                figure(got["found within 0.1 s"], got["interval"]),
                "-" if got["called so"] is None else f"{got['called so']:.2f}",
            ]
            for kind, name in MOMENTS.items()
            if (got := report["hits"].get(kind))
        ]
        lines += [
            "## Moments put into clips",
            "",
            markdown_rows(("moment", "clips", "found within 0.1 s", "and called so"), rows),
            "",
        ]
        moments = report["hits"]["moments in clips as they are"]
        lines += [
            f"In {moments['minutes']} minutes of shared clips as they are, "
            f"{moments['a minute']:.2f} moments a minute were found: "
            f"{'; '.join(moments['where']) or 'none'}.",
            "",
        ]
    if "range" in report:
        rows = []
        for group, got in report["range"].items():
            for who, curves in got.items():
                rows += [
                    [
                        group,
                        who,
                        curve,
                        " ".join(f"{100 * share:.0f}" for share in each["shares of tenths"]),
                        f"{each['furthest from uniform']:.2f}",
                        f"{each['largest change in a second']:.2f}",
                    ]
                    for curve, each in curves.items()
                ]
        lines += [
            "## Range of the curves",
            "",
            "Share of time (per cent) that a curve spends in each tenth of 0..1, every film "
            "counting alike. The score model's training bars are uniform by definition: the "
            "curves are their quantiles.",
            "",
            markdown_rows(
                ("films", "", "curve", "per cent in each tenth", "from uniform", "change in 1 s"),
                rows,
            ),
            "",
            "![Curves over clips and montages beside the training bars](encoder-ranges.png)",
            "",
        ]
    if "motion" in report:
        rows = [
            [
                name,
                str(got["quarter-seconds"]),
                figure(got["spearman"]),
                f"{got['median factor off']:.2f}",
                f"{got['median ours, mapped']:.2f}",
                f"{got['median theirs']:.2f}",
            ]
            for name, got in report["motion"].items()
        ]
        lines += [
            "## Motion, ours and MuVi-Sync's",
            "",
            "MuVi-Sync's motion (mean RGB difference of consecutive frames, 0 to 255) was measured "
            "on frames of the shared clips, 160 pixels wide, and our motion (picture widths a "
            "second) mapped to it by matching quantiles over the clips that may be tuned on:",
            "",
            markdown_rows(
                ("clips", "values", "Spearman", "median factor off", "ours mapped", "theirs"), rows
            ),
            "",
        ]
    if "five" in report:
        rows = [
            [
                one["clip"],
                f"{one['tempo_bpm']:.0f}: {one['reasons']['tempo_bpm']}",
                f"{one['key']}: {one['reasons']['key']}",
                f"{one['ensemble']}: {one['reasons']['ensemble']}",
                f"{one['density']:.2f}",
                f"{one['energy']:.2f}",
                f"{one['music']['tempo_bpm']:.0f} bpm, {one['music']['key']}, "
                f"{one['music']['onsets a second']:.1f} notes a second, velocity "
                f"{one['music']['mean velocity']:.0f}, {', '.join(one['music']['parts'])}",
            ]
            for one in report["five"]["clips"]
        ]
        lines += [
            "## Five clips of different character",
            "",
            "![Five clips, what they ask and what is composed](encoder-five.png)",
            "",
            markdown_rows(
                ("clip", "tempo", "key", "ensemble", Curve.DENSITY, Curve.ENERGY, "composed"), rows
            ),
            "",
            report["five"]["credit"],
            "",
        ]
    if "cost" in report:
        cost = report["cost"]
        lines += [
            "## Cost",
            "",
            f"Processor seconds for {cost['seconds']} s ({cost['frames']} frames), median: "
            f"encoder {cost['encoder.spot']:.3f}, rules {cost['rules']:.3f}, palette and moments "
            f"{cost['palette and moments']:.3f}; added {cost['added']:.3f}.",
            "",
        ]
    return "\n".join(lines)
