"""Where media come from: a folder, a dataset on the Hub, a URL, a page of videos.

Each source is asked for a name with `find`, which costs no download, and answers with an `Offer`
that brings the file into a store; None where it has none. What can be had in none of them is the
caller's to say. Archives (zip, tar) and media inside Parquet files are not opened.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from pixmus.dataset.downloads import (
    Downloads,
    FetchFailed,
    connection_failure,
    forget_part,
    part_of,
    status_failure,
    try_again,
)
from pixmus.dataset.media import AUDIO_SUFFIXES
from pixmus.dataset.store import Object, Store, StoreFull
from pixmus.errors import PixMusError
from pixmus.files import DISK_IS_FULL

PICTURE_SUFFIXES = (
    ".mp4", ".webm", ".mkv", ".mov", ".m4v", ".avi", ".ogv", ".jpg", ".jpeg", ".png", ".webp",
    ".gif",
)  # fmt: skip
ARCHIVE_SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".parquet")
VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
VIDEO_PAGE = "https://www.youtube.com/watch?v={}"  # what an id of 11 characters names
VIDEO_HOSTS = ("youtube.com", "youtu.be", "youtube-nocookie.com", "vimeo.com", "dailymotion.com")
LARGEST_HEIGHT = 720  # pixels; features are measured far below it
TYPE_SUFFIXES = {
    "video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov",
    "video/x-matroska": ".mkv", "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp",
    "image/gif": ".gif", "audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/x-m4a": ".m4a",
    "audio/wav": ".wav", "audio/x-wav": ".wav", "audio/flac": ".flac", "audio/ogg": ".ogg",
    "audio/aac": ".aac",
}  # fmt: skip
# What the sites say of a video that no later try will bring.
GONE = re.compile(
    r"unavailable|private|removed|terminated|not available|sign in|members-only|copyright|"
    r"age.restricted|unsupported url|does not exist|live event|HTTP Error 4(?!08|25|29)",
    re.IGNORECASE,
)
UNREACHED = re.compile(
    r"timed out|name resolution|not known|refused|unreachable|Unable to connect", re.IGNORECASE
)


@dataclass(frozen=True)
class Offer:
    """A file that a source has for a name."""

    source: str  # as it is logged
    bring: Callable[[Store], Object]  # raises FetchFailed, StoreFull or Stopped


class Source(Protocol):
    """Somewhere that media come from."""

    @property
    def label(self) -> str:
        """How a person named it."""

    def find(self, name: str, kind: str) -> Offer | None:
        """What it has for the name (kind "picture", "audio" or "both"); FetchFailed where the name
        itself is wrong for it."""


class Folder:
    """Files of a folder on this machine, by path below it, by name, or by name without suffix.

    Links inside the folder are the user's own and are followed; a name never leads out of it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.label = f"the folder {self.folder}"
        if not self.folder.is_dir():
            raise PixMusError(f"{self.folder} is no folder; give the one that holds the media.")
        self._absolute = Path(os.path.abspath(self.folder))
        paths, seen = [], set()
        for place, folders, files in os.walk(self._absolute, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:  # a link that leads back
                folders.clear()
                continue
            seen.add(real)
            folders.sort()
            paths += [os.path.relpath(os.path.join(place, file), self._absolute) for file in files]
        self._names = Names(sorted(paths))

    def find(self, name: str, kind: str) -> Offer | None:
        if is_url(name):
            return None
        path = Path(os.path.normpath(name)) if name else Path()
        if path.is_absolute():
            if not path.is_relative_to(self._absolute):
                raise FetchFailed(f"it is a path outside {self.folder}, which is not read")
            name = path.relative_to(self._absolute).as_posix()
        found = self._names.find(name, kind)
        if found is None:
            return None
        place = self._absolute / found

        def bring(store: Store) -> Object:
            try:
                if not place.stat().st_size:
                    raise FetchFailed("its file is empty")
                return store.link(place, place.suffix)
            except PermissionError as error:
                raise FetchFailed("its file may not be read") from error
            except FileNotFoundError as error:
                raise FetchFailed("its file is gone") from error

        return Offer(str(place), bring)


class Hub:
    """Files of a dataset on the Hub, at the commit that it has when the run begins."""

    def __init__(self, dataset: str, downloads: Downloads) -> None:
        self.dataset = dataset
        self.label = f"the Hub's dataset {dataset}"
        self._downloads = downloads
        self._revision: str | None = None
        self._names = Names([])
        self._trouble = ""
        self._list()

    def _list(self) -> None:
        """Read the list of files; a Hub out of reach is said of each name that needs it."""
        from huggingface_hub import HfApi, constants, errors

        self._host = urlsplit(constants.ENDPOINT).netloc

        def ask() -> Any:
            try:
                return HfApi().dataset_info(self.dataset, timeout=self._downloads.manners.timeout)
            except errors.HFValidationError as error:
                raise PixMusError(
                    f"{self.dataset} is no name that the Hub allows; write it as USER/NAME."
                ) from error
            except errors.GatedRepoError as error:
                raise PixMusError(
                    f"The dataset {self.dataset} is gated; accept its terms on its Hub page, then "
                    "log in with `hf auth login`."
                ) from error
            except errors.RepositoryNotFoundError as error:
                raise PixMusError(
                    f"The Hub shows you no dataset {self.dataset}; check the name, or log in with "
                    "`hf auth login` if it is private."
                ) from error
            except (errors.HTTPError, OSError) as error:
                raise hub_failure(error) from error

        try:
            about = self._downloads.politely(self._host, ask)
        except FetchFailed as failure:
            self._trouble = f"the list of the Hub's dataset could not be had: {failure.reason}"
            return
        self._revision = about.sha
        self._names = Names(sorted(file.rfilename for file in about.siblings or ()))

    def find(self, name: str, kind: str) -> Offer | None:
        if is_url(name):
            return None
        if self._trouble:
            raise FetchFailed(self._trouble, transient=True)
        found = self._names.find(name, kind)
        if found is None:
            num_archives = self._names.count(ARCHIVE_SUFFIXES)
            if num_archives:
                raise FetchFailed(
                    f"{self.label} has no file of that name, but {num_archives} archives or "
                    "Parquet files, which are not opened; unpack them and name the folder with "
                    "--from"
                )
            return None
        return Offer(f"hub:{self.dataset}/{found}", lambda store: self._bring(store, found))

    def _bring(self, store: Store, found: str) -> Object:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError

        # A folder of its own: hf_hub_download keeps there what it goes on with.
        place = part_of(store.partial, f"hub:{self.dataset}/{found}").with_suffix(".hub")

        def get() -> str:
            try:
                return hf_hub_download(
                    self.dataset,
                    found,
                    repo_type="dataset",
                    revision=self._revision,
                    local_dir=place,
                )
            except (HTTPError, LocalEntryNotFoundError, OSError) as error:
                if isinstance(error, OSError) and error.errno in DISK_IS_FULL:
                    raise StoreFull(f"the disk of {store.folder} is full") from error
                raise hub_failure(error) from error

        # It asks twice: for what there is, and for the file.
        path = Path(self._downloads.politely(self._host, get, num_requests=2))
        if not path.stat().st_size:
            raise FetchFailed("its file is empty")
        taken = store.move(path, PurePosixPath(found).suffix)
        shutil.rmtree(place, ignore_errors=True)
        return taken


class Web:
    """Names that are http(s) addresses of media; a video site's page is none."""

    label = "the web"

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    def find(self, name: str, kind: str) -> Offer | None:
        if not is_url(name) or is_video_page(name):
            return None
        try:
            host = urlsplit(name).hostname
        except ValueError:
            host = None
        if not host:
            raise FetchFailed("its address is not valid")

        def bring(store: Store) -> Object:
            part = part_of(store.partial, name)
            headers = self._downloads.download(name, part)
            told = {key.lower(): value for key, value in headers.items()}
            suffix = PurePosixPath(unquote(urlsplit(name).path)).suffix.lower()
            if suffix not in PICTURE_SUFFIXES + AUDIO_SUFFIXES:
                content_type = told.get("content-type", "").partition(";")[0].strip().lower()
                suffix = TYPE_SUFFIXES.get(content_type, suffix)
            taken = store.move(part, suffix)
            forget_part(part)
            return taken

        return Offer(name, bring)


class VideoPages:
    """Video ids of 11 characters, with or without a suffix, and pages of videos, by yt-dlp."""

    label = "the video site"

    def __init__(self, downloads: Downloads) -> None:
        try:
            import yt_dlp  # noqa: F401
        except ModuleNotFoundError as error:
            raise PixMusError(
                "--videos needs the package yt-dlp; install it with: pip install yt-dlp"
            ) from error
        self._downloads = downloads

    def find(self, name: str, kind: str) -> Offer | None:
        page = name if is_url(name) else VIDEO_PAGE.format(video_id(name)) if video_id(name) else ""
        if not page:
            return None
        return Offer(f"yt-dlp:{page}", lambda store: self._bring(store, page, kind))

    def _bring(self, store: Store, page: str, kind: str) -> Object:
        import yt_dlp

        place = part_of(store.partial, f"yt-dlp:{page}").with_suffix(".video")
        manners = self._downloads.manners
        options = {
            # One file with what is needed; parts that must be joined would need ffmpeg.
            "format": "ba/b"
            if kind == "audio"
            else f"b[height<={LARGEST_HEIGHT}]/b"
            if kind == "both"
            else f"b[height<={LARGEST_HEIGHT}]/bv*[height<={LARGEST_HEIGHT}]/b",
            "outtmpl": {"default": str(place / "media.%(ext)s")},
            "max_filesize": manners.largest_file,
            "noplaylist": True,
            "playlist_items": "1",
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
            "logger": _Silent(),
            "continuedl": True,
            "cachedir": False,
            "socket_timeout": manners.timeout,
            "sleep_interval_requests": 1 / manners.rate,
            "retries": 0,  # tried again here, with the host's turn kept
            "extractor_retries": 0,
            "fragment_retries": manners.retries,
        }

        def get() -> Path:
            try:
                with yt_dlp.YoutubeDL(options) as client:
                    client.extract_info(page, download=True)
            except yt_dlp.utils.YoutubeDLError as error:
                raise _video_failure(error, store) from error
            files = [
                path for path in place.glob("media.*") if path.suffix not in (".part", ".ytdl")
            ]
            if len(files) != 1:
                raise FetchFailed("yt-dlp left no single file of it (too large, or a live event)")
            return files[0]

        path = self._downloads.politely(urlsplit(page).netloc, get)
        taken = store.move(path, path.suffix)
        shutil.rmtree(place, ignore_errors=True)
        return taken


class _Silent:
    """yt-dlp's log, which says nothing that its errors do not say."""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


class Names:
    """Paths of files, found by path, by base name, or by name without suffix."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = set(paths)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            self._by_name[PurePosixPath(path).name].append(path)
            self._by_stem[PurePosixPath(path).stem].append(path)

    def find(self, name: str, kind: str) -> str | None:
        """The one path of that name; FetchFailed where it leads out or several have it."""
        path = PurePosixPath(name)
        if ".." in path.parts or path.is_absolute() or "\0" in name:
            raise FetchFailed("its name leads out of its folder")
        suffixes = AUDIO_SUFFIXES if kind == "audio" else PICTURE_SUFFIXES
        for suffix in ("",) if path.suffix else ("", *suffixes):
            if str(path) + suffix in self._paths:
                return f"{path}{suffix}"
        found = self._by_name.get(path.name, [])
        if not found and not path.suffix:
            found = [
                place
                for place in self._by_stem.get(path.name, [])
                if PurePosixPath(place).suffix.lower() in suffixes
            ]
        if len(found) > 1:
            raise FetchFailed(
                f"{len(found)} files have its name in different folders; name it by its path"
            )
        return found[0] if found else None

    def count(self, suffixes: tuple[str, ...]) -> int:
        """How many paths end in one of `suffixes`."""
        return sum(path.lower().endswith(suffixes) for path in self._paths)


def is_url(name: str) -> bool:
    """Whether a name is an http(s) address."""
    return name.lower().startswith(("http://", "https://"))


def is_video_page(name: str) -> bool:
    """Whether a name is the address of a page of a video site."""
    try:
        host = (urlsplit(name).hostname or "").lower()
    except ValueError:
        return False
    return is_url(name) and any(
        host == known or host.endswith("." + known) for known in VIDEO_HOSTS
    )


def video_id(name: str) -> str | None:
    """The id of 11 characters that a name is, without a folder and with or without a suffix."""
    path = PurePosixPath(name)
    known = path.suffix.lower() in PICTURE_SUFFIXES + AUDIO_SUFFIXES
    stem = path.stem if known else path.name
    return stem if VIDEO_ID.fullmatch(stem) else None


def hub_failure(error: BaseException) -> Exception:
    """What to raise inside `Downloads.politely` for what huggingface_hub raised."""
    cause: BaseException | None = error
    while cause is not None:
        response = getattr(cause, "response", None)
        if response is not None:
            return status_failure(response.status_code, response.headers)
        if type(cause).__name__ == "OfflineModeIsEnabled":
            return FetchFailed("offline mode forbids it (HF_HUB_OFFLINE)", transient=True)
        if "Consistency check failed" in str(cause):
            return try_again("it arrived incomplete", True)
        if isinstance(cause, OSError) and cause.__cause__ is None and cause.__context__ is None:
            return connection_failure(cause)
        cause = cause.__cause__ or cause.__context__
    return try_again("the Hub cannot be reached", False)


def _video_failure(error: Exception, store: Store) -> Exception:
    """What to raise inside `Downloads.politely` for what yt-dlp raised."""
    inner: Any = error
    for _ in range(8):
        if isinstance(inner, OSError) and inner.errno in DISK_IS_FULL:
            return StoreFull(f"the disk of {store.folder} is full")
        following = getattr(inner, "exc_info", None)
        following = following[1] if following else getattr(inner, "cause", None) or inner.__cause__
        if following is None or following is inner:
            break
        inner = following
    said = re.sub(r"\x1b\[[0-9;]*m|^ERROR: |\s+", " ", str(error)).strip()
    said = re.split(r"; please report|\(caused by|See  ?http|Use --cookies", said)[0].strip()[:160]
    if GONE.search(said):
        return FetchFailed(f"yt-dlp: {said}")
    if UNREACHED.search(said):
        return try_again("yt-dlp: no answer from the site", False)
    return try_again(f"yt-dlp: {said}", True)
