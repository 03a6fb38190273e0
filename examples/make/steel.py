"""The battle in the Oude Kerk from Tears of Steel: a look down, a throw, a fight, a blast."""

from excerpt import Excerpt, main

EXCERPT = Excerpt(
    title="Tears of Steel: the battle",
    source="https://github.com/mdn/shared-assets/blob/main/videos/"
    "tears-of-steel-battle-clip-medium.webm",
    sha256="c47f696d781dcc51296d44eeb70909361d846a5b08c239331fa7e9dd80e5d4b7",
    credit="(CC) Blender Foundation | mango.blender.org",
    licence="CC BY 3.0, https://creativecommons.org/licenses/by/3.0/",
    start=1127 / 24,  # on a cut
    end=1689 / 24,  # the smoke after the blast, before the last two frames, of another shot
    size=(800, 332),
    colours="BT.601",  # as VP8 means it
    crf=34.0,
    with_sound=True,
)

if __name__ == "__main__":
    main(EXCERPT)
