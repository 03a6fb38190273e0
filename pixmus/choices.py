"""`Choice`: everything that a person may choose for a soundtrack, each in one place.

The command line, the functions of the API, the page's controls, the lines that make a take again,
the checks with their sentences and the settings in `take.json` are made from this list. A choice is
added here and nowhere else (`add_choice` does it while a program runs); what it does is said where
its step is done. None as a value leaves the choice to PixMus.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pixmus.choice import Choice, Step
from pixmus.curves import Curve
from pixmus.ensembles import ENSEMBLES, PARTS, STYLES
from pixmus.errors import PixMusError
from pixmus.keys import KEYS, spell_key
from pixmus.renderers import ENGINES, RENDERERS, page_engines, page_renderers, spell_renderer

Mode = Literal["keep", "duck", "drop"]  # of the clip's own sound beside the music
MODES: tuple[Mode, ...] = ("keep", "duck", "drop")
Length = Literal["picture", "sound"]  # which of the two says how long a clip is
LENGTHS: tuple[Length, ...] = ("picture", "sound")
NUM_INFERENCE_STEPS = 20
DEFAULT_GUIDANCE_SCALE = 2.0
STILL_DURATION_S = 20.0
LARGEST_SEED = 2**32 - 1
LONGEST_STILL_S = 600.0
RENDERER_STRENGTH_DEFAULT = 0.5  # no weights were heard with it: docs/renderers.md

TEXT = Choice(
    "text",
    str,
    Step.WISH,
    "text",
    "What you want to hear, in words",
    default="",
    otherwise="the picture alone decides",
    high=300,
    label="What do you want to hear? (optional)",
    example="very dark, not too fast, strings, no drums",
)
SEED = Choice(
    "seed",
    int,
    Step.COMPOSE,
    "seed",
    "The same seed makes the same music",
    otherwise="a new one each time",
    low=0,
    high=LARGEST_SEED,
)
INFERENCE_STEPS = Choice(
    "num_inference_steps",
    int,
    Step.COMPOSE,
    "number of inference steps",
    "How many steps the plan and the notes are written in; more is slower and finer",
    default=NUM_INFERENCE_STEPS,
    low=1,
    high=100,
    option="steps",
    label="Inference steps",
    slide=(4, 50, 1),
)
GUIDANCE = Choice(
    "guidance_scale",
    float,
    Step.COMPOSE,
    "guidance scale",
    "How closely the music keeps to the curves and hit points; 1 is no guidance",
    default=DEFAULT_GUIDANCE_SCALE,
    low=0.0,
    high=30.0,
    option="guidance",
    label="Guidance",
    slide=(1, 6, 0.25),
)
TEMPO = Choice(
    "tempo_bpm",
    float,
    Step.SPOT,
    "tempo",
    "Beats per minute",
    otherwise="chosen so that cuts fall on beats",
    low=40.0,
    high=240.0,
    unit="bpm",
    option="tempo",
)
KEY = Choice(
    "key",
    str,
    Step.SPOT,
    "key",
    'The key, such as "A minor"',
    otherwise="chosen from the picture, bright ones in major",
    options=lambda: KEYS,
    spell=spell_key,
)
STYLE = Choice(
    "style",
    str,
    Step.SPOT,
    "style",
    "Kind of music, as the model learned it",
    otherwise="chosen with the ensemble",
    options=lambda: tuple(map(str, STYLES)),
)
ENSEMBLE = Choice(
    "ensemble",
    str,
    Step.SPOT,
    "ensemble",
    "Who plays",
    otherwise="chosen from the picture",
    options=lambda: tuple(ENSEMBLES),
)
PLAYING = Choice(
    "parts",
    tuple,
    Step.SPOT,
    "parts",
    "The parts that may play",
    otherwise="all of the ensemble",
    options=lambda: tuple(map(str, PARTS)),
)
VALENCE = Choice(
    str(Curve.VALENCE),
    float,
    Step.SPOT,
    "valence of the mood",
    "Mood from dark to bright",
    otherwise="taken from the picture",
    low=0.0,
    high=1.0,
    label="Valence",
    slide=(0, 1, 0.05),
)
ENERGY = Choice(
    str(Curve.ENERGY),
    float,
    Step.SPOT,
    "energy of the mood",
    "Mood from calm to strong",
    otherwise="taken from the picture",
    low=0.0,
    high=1.0,
    label="Energy",
    slide=(0, 1, 0.05),
)
ORIGINAL_AUDIO = Choice(
    "original_audio",
    str,
    Step.MIX,
    "clip's own sound",
    "What becomes of the clip's own sound",
    otherwise="the music steps back for it where there is any",
    options=lambda: MODES,
    label="The clip's own sound",
    labels={
        "auto": "auto: step back for it",
        "keep": "keep both",
        "duck": "music steps back",
        "drop": "music alone",
    },
)
ENGINE = Choice(
    "engine",
    str,
    Step.MIX,
    "engine",
    "What makes the music: notes that are played, or the thesis' system, which makes 30 s of sound",
    otherwise=ENGINES[0],
    options=lambda: ENGINES,
    label="Engine",
    labels={"pixmus": "PixMus: notes", "thesis": "thesis: sound at once"},
    shown=page_engines,
)
RENDERER = Choice(
    "renderer",
    str,
    Step.MIX,
    "renderer",
    "What plays the score: the synth alone, or a diffusion model that plays its stems again",
    otherwise="the one of this machine",
    options=lambda: tuple(RENDERERS),
    spell=spell_renderer,
    label="Played by",
    labels={"soundfont": "the synth"},
    shown=page_renderers,
)
RENDERER_MODEL = Choice(
    "renderer_model",
    str,
    Step.MIX,
    "model of the renderer",
    "Folder or Hub id of the audio diffusion model that plays again",
    default="",
    otherwise="the one that PIXMUS_RENDERER_MODEL names",
    high=300,
    is_local=True,
)
RENDERER_STRENGTH = Choice(
    "renderer_strength",
    float,
    Step.MIX,
    "strength of the renderer",
    "How far a diffusion model may go from the synth's sound",
    default=RENDERER_STRENGTH_DEFAULT,
    low=0.0,
    high=1.0,
    label="Strength of playing again",
    slide=(0, 1, 0.05),
    shown=page_renderers,
)
RENDERER_PROMPT = Choice(
    "renderer_prompt",
    str,
    Step.MIX,
    "words for the renderer",
    "What a diffusion model is told of the sound",
    default="",
    otherwise="words made from cue sheet and ensemble",
    high=300,
    label="Words for playing again",
    example="warm film strings in a small hall",
    shown=page_renderers,
)
STILL_DURATION = Choice(
    "still_duration",
    float,
    Step.WATCH,
    "length of a still",
    "How long a still image is shown",
    default=STILL_DURATION_S,
    low=0.5,
    high=LONGEST_STILL_S,
    unit="s",
    option="duration",
    label="Length of a still",
    slide=(2, 180, 1),
)
LENGTH = Choice(
    "length",
    str,
    Step.WATCH,
    "length",
    "What says how long the clip is: its last frame stays where the sound is longer",
    otherwise="the picture, or a sound that goes on for more than half a second",
    options=lambda: LENGTHS,
    label="Length of the clip",
    labels={
        "auto": "auto: the last frame stays for a longer sound",
        "picture": "the picture's",
        "sound": "the sound's",
    },
)
TRACKS = Choice(
    "tracks",
    str,
    Step.WATCH,
    "sound tracks",
    'Which of several sound tracks are the clip\'s own sound, such as "2", "1,3" or "all"',
    default="",
    otherwise="the one that players play, or one with a voice where that is silent",
    high=60,
    label="Sound tracks of the clip",
    example="1,3",
)
MUSIC_FROM = Choice(
    "music_from",
    float,
    Step.SPOT,
    "start of the music",
    "When the music comes in",
    otherwise="at the start of the clip",
    low=0.0,
    unit="s",
    label="Music from",
)
MUSIC_TO = Choice(
    "music_to",
    float,
    Step.SPOT,
    "end of the music",
    "By when the music is over",
    otherwise="at the end of the clip",
    low=0.0,
    unit="s",
    label="Music to",
)
CHORDS = Choice(
    "chords",
    str,
    Step.COMPOSE,
    "chords",
    "Chords to be played, a bar each and repeated, e.g. Am F C G, Am:2 F:0.5 or | Am F | C |",
    default="",
    otherwise="the score model's own",
    high=300,
    label="Chords",
    example="Am F C G",
)
TIMING_GUIDANCE = Choice(
    "timing_guidance_scale",
    float,
    Step.COMPOSE,
    "timing guidance scale",
    "How closely the notes keep to the hit points alone",
    otherwise="the same as Guidance",
    low=0.0,
    high=30.0,
    option="timing-guidance",
    label="Timing guidance",
)
ACCENTS = Choice(
    "accents",
    bool,
    Step.COMPOSE,
    "accents",
    "Mark the hit points with accents",
    default=True,
    label="Accents",
)
ORIGINAL_LEVEL = Choice(
    "original_level_db",
    float,
    Step.MIX,
    "level of the clip's own sound",
    "How much louder or softer the clip's own sound is made",
    default=0.0,
    low=-40.0,
    high=20.0,
    unit="dB",
    option="original-level",
    label="Its level",
    slide=(-24, 12, 1),
)
START = Choice(
    "start",
    float,
    Step.TRIM,
    "start of the part",
    "Where the part to be scored starts",
    otherwise="at the start of the clip",
    low=0.0,
    unit="s",
    option="from",
    label="From",
)
END = Choice(
    "end",
    float,
    Step.TRIM,
    "end of the part",
    "Where the part to be scored ends",
    otherwise="at the end of the clip",
    low=0.0,
    unit="s",
    option="to",
    label="To",
)
TAKES = Choice(
    "num_takes",
    int,
    Step.TAKES,
    "number of takes",
    "How many to make: different on purpose, ranked against real music",
    default=1,
    low=1,
    high=100,
    shared_high=4,
    option="takes",
    label="Takes",
    slide=(1, 4, 1),
)

# Of single commands: what stands above is offered wherever a soundtrack is made.
STRENGTH = Choice(
    "strength",
    float,
    Step.MIX,
    "strength",
    "How much of PixMus' timing and dynamics is heard, 0 is as written",
    default=1.0,
    low=0.0,
    high=1.0,
)
RESTYLE = Choice(
    "restyle",
    str,
    Step.COMPOSE,
    "style",
    "With --keep: keep its melody and write all else anew in this style",
    otherwise="the cue sheet's style",
    options=lambda: tuple(map(str, STYLES)),
)

_CHOICES: dict[str, Choice] = {}
CHOICES: Mapping[str, Choice] = MappingProxyType(_CHOICES)  # in the order they are offered


def add_choice(choice: Choice) -> None:
    """Offer a choice everywhere from now on; PixMusError where its name or option is taken."""
    for known in _CHOICES.values():
        if choice.name == known.name or choice.spelt == known.spelt:
            raise PixMusError(f'There is a choice "{known.name}" already; take another name.')
    _CHOICES[choice.name] = choice


def remove_choice(name: str) -> None:
    """Offer a choice no longer."""
    del _CHOICES[name]


def choices_of(*steps: Step) -> list[Choice]:
    """The choices of these steps."""
    return [choice for choice in CHOICES.values() if choice.step in steps]


for _choice in (
    TEXT,
    SEED,
    INFERENCE_STEPS,
    GUIDANCE,
    TEMPO,
    KEY,
    STYLE,
    ENSEMBLE,
    PLAYING,
    VALENCE,
    ENERGY,
    ORIGINAL_AUDIO,
    ENGINE,
    RENDERER,
    RENDERER_MODEL,
    RENDERER_STRENGTH,
    RENDERER_PROMPT,
    STILL_DURATION,
    LENGTH,
    TRACKS,
    MUSIC_FROM,
    MUSIC_TO,
    CHORDS,
    TIMING_GUIDANCE,
    ACCENTS,
    ORIGINAL_LEVEL,
    START,
    END,
    TAKES,
):
    add_choice(_choice)
