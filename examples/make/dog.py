"""A dog and a ball, in one shot without a cut: thrown, fetched, and thrown again."""

from excerpt import Excerpt, main

EXCERPT = Excerpt(
    title="A dog and a ball",
    source="https://github.com/facebookresearch/sam2/blob/main/demo/data/gallery/01_dog.mp4",
    sha256="21425eb9b7fce7d3fb23fa17b1c07bcbe99ba9e64e3b5347d8052ba6d9c38924",
    credit="SA-V, Meta",
    licence="CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    start=0.0,
    end=289 * 1001 / 30000,  # all of it
    size=(960, 540),
    colours="BT.709",
    crf=30.0,
)

if __name__ == "__main__":
    main(EXCERPT)
