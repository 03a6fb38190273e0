"""A local folder for a folder or a Hub id: the one door through which models come in.

Score models, image backbones, audio renderers and the tables of a dataset are all asked for by a
name that is either a folder here or `USER/NAME` on the Hub. What cannot be had is one sentence, and
a network that is down is noticed at once: whether the Hub answers is asked by a single request
without retries, and what is in the local cache is taken where it does not. `HF_TOKEN`, `HF_HOME`,
`HF_ENDPOINT` and `HF_HUB_OFFLINE` mean what they mean to `huggingface_hub`, which is imported only
where a Hub id is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pixmus.errors import PixMusError
from pixmus.files import named

ANSWER_TIMEOUT_S = 10.0  # after which a Hub that is silent counts as out of reach
CARD = "README.md"  # of a model, a dataset or a Space
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Kind:
    """What is asked for: how it is called, which file tells one, which files are fetched."""

    name: str  # "PixMus model"
    index: str | None  # the file without which a folder is none, where there is one
    files: tuple[str, ...]  # patterns of what else is fetched
    weights: tuple[str, ...]  # patterns, best first: the first that the repository has is fetched
    example: str  # what to give instead
    repo_type: str = "model"  # as the Hub calls it: model, dataset


def local_folder(
    name: str | Path,
    kind: Kind,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    cache_first: bool = False,
) -> Path:
    """The folder of that name, or the local snapshot of a Hub id, fetched where it is not there.

    `revision` is a branch, tag or commit of a Hub id (default: main). With `cache_first` the Hub is
    not asked whether there is something newer than what the cache holds.
    """
    folder = named(name)
    if folder.is_dir():
        if revision is not None:
            raise PixMusError(
                f"{folder} is a folder here, so it has no revision {revision}; leave the revision "
                "out, or give a Hub id."
            )
        if kind.index is not None and not (folder / kind.index).is_file():
            raise PixMusError(
                f"{folder} is no {kind.name}: it holds no {kind.index}; give {kind.example}."
            )
        return folder
    if not looks_like_id(name):
        raise PixMusError(f"{folder} is neither a folder here nor a Hub id; give {kind.example}.")
    cache = None if cache_dir is None else str(cache_dir)
    question = _Question(str(name), kind, revision, token, cache)
    is_pinned = revision is not None and COMMIT.fullmatch(revision) is not None
    if cache_first or is_pinned or local_files_only:
        cached = question.cached()
        if cached is not None:
            return cached
    if local_files_only:
        question.refuse_offline()
    return question.fetched()


@dataclass(frozen=True)
class _Question:
    """One Hub id that is asked for, in the words of the messages about it."""

    name: str
    kind: Kind
    revision: str | None
    token: str | bool | None
    cache_dir: str | None

    def cached(self) -> Path | None:
        """The snapshot in the local cache, where all of it is there."""
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        for weights in self.kind.weights:
            try:
                folder = self._snapshot(weights, local_files_only=True)
            except LocalEntryNotFoundError:
                continue
            except HFValidationError as error:
                self._fail(error)
            index = self.kind.index
            has_index = index is None or (folder / index).is_file()
            if has_index and any(folder.rglob(weights)):
                return folder
        return None

    def fetched(self) -> Path:
        """The snapshot as the Hub has it now; the cached one where the Hub is out of reach."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

        try:
            info = HfApi(token=self.token).repo_info(
                self.name,
                revision=self.revision,
                repo_type=self.kind.repo_type,
                timeout=ANSWER_TIMEOUT_S,
            )
            there = [entry.rfilename for entry in getattr(info, "siblings", None) or ()]
            return self._snapshot(self._weights_among(there))
        except PixMusError:
            raise
        except (OfflineModeIsEnabled, HTTPError, OSError, ValueError) as error:
            if _is_out_of_reach(error):
                cached = self.cached()
                if cached is not None:
                    return cached
            self._fail(error)

    def refuse_offline(self) -> NoReturn:
        at = "" if self.revision is None else f" at revision {self.revision}"
        raise PixMusError(
            f"The {self.kind.name} {self.name}{at} is not on this machine yet and offline mode "
            "forbids fetching it; load it once while online (without HF_HUB_OFFLINE and "
            f"local_files_only), or give {self.kind.example}."
        )

    def _weights_among(self, names: Iterable[str]) -> str:
        """The best pattern of weights that the repository has; raise where it has none."""
        there = [Path(name) for name in names]
        index = self.kind.index
        has_index = index is None or Path(index) in there
        if has_index:
            for weights in self.kind.weights:
                if any(name.match(weights) for name in there):
                    return weights
        any_of = self.kind.weights if index is None else self.kind.weights[:1]
        missing = " or ".join(any_of) if has_index else index
        raise PixMusError(
            f"{self.name} is on the Hub but is no {self.kind.name}: it holds no {missing}; give "
            f"{self.kind.example}."
        )

    def _snapshot(self, weights: str, local_files_only: bool = False) -> Path:
        from huggingface_hub import snapshot_download

        return Path(
            snapshot_download(
                self.name,
                repo_type=self.kind.repo_type,
                revision=self.revision,
                token=self.token,
                cache_dir=self.cache_dir,
                local_files_only=local_files_only,
                allow_patterns=[*filter(None, [self.kind.index]), *self.kind.files, weights],
            )
        )

    def _fail(self, error: Exception) -> NoReturn:
        """Say in one sentence why it cannot be had."""
        from huggingface_hub import errors

        what = f"The {self.kind.name} {self.name}"
        status = getattr(getattr(error, "response", None), "status_code", None)
        chain = list(_causes(error))
        if any(isinstance(cause, errors.OfflineModeIsEnabled) for cause in chain):
            self.refuse_offline()
        if isinstance(error, errors.GatedRepoError):  # before its base class
            told = "is gated; accept its terms on its Hub page, then log in with `hf auth login`"
        elif isinstance(error, errors.RepositoryNotFoundError):
            told = (
                "is neither a folder here nor a repository that the Hub shows you; check the name, "
                "or log in with `hf auth login` if it is private"
            )
        elif isinstance(error, errors.RevisionNotFoundError):
            revision = self.revision or "main"
            told = f"has no revision {revision}; name a branch, tag or commit that it has"
        elif isinstance(error, errors.HFValidationError):
            told = (
                "is neither a folder here nor a name that the Hub allows; write it as USER/NAME, "
                f"or give {self.kind.example}"
            )
        elif isinstance(error, errors.LocalTokenNotFoundError) or status in (401, 403):
            told = "was refused by the Hub, for want of a valid token; log in with `hf auth login`"
        elif status is not None:
            told = (
                f"could not be had: the Hub answered with error {status}; try again later, or give "
                f"{self.kind.example}"
            )
        elif "Consistency check failed" in str(error):
            told = "arrived incomplete; try again"
        elif isinstance(error, errors.HTTPError) or _is_out_of_reach(error):
            told = (
                "is not on this machine yet and the Hub cannot be reached; check the network, or "
                f"give {self.kind.example}"
            )
        else:
            told = f"could not be had from the Hub ({' '.join(str(error).split())}); try again"
        raise PixMusError(f"{what} {told}.") from error


def looks_like_id(name: str | Path) -> bool:
    """Whether a name has the form of a Hub id, USER/NAME."""
    return isinstance(name, str) and name.count("/") == 1 and not name.startswith((".", "/", "~"))


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_out_of_reach(error: Exception) -> bool:
    """Whether the Hub gave no answer of its own: no network, no time, offline mode, or 5xx."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return bool(status >= 500)
    offline = (errors.OfflineModeIsEnabled, errors.HTTPError, errors.LocalEntryNotFoundError)
    return any(isinstance(cause, offline) for cause in _causes(error))
