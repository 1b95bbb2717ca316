"""Storages that are made of storages: their settings, and who may be a member."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.settings.parts import StorageSettings, refusal, split

_YES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSettings:
    """Of a storage of type ``mirror``. ``storages``: its members, the first one first."""

    storages: tuple[str, ...]
    quorum: Literal[1, "all"] = 1
    copies: bool = True
    refill: tuple[str, ...] = ()


def mirror_settings(name: str, storage: StorageSettings) -> MirrorSettings:
    """Read. Raises what ``refusal`` makes."""
    options = storage.options
    members = _names(name, "storages", options["storages"])
    if len(members) < 2 or len(set(members)) < len(members):
        raise refusal(
            f"storage {name!r} is to be made of {list(members)}.",
            "Name two storages or more, each once; the first is the one that is asked first.",
            key="storages",
        )
    refill = _names(name, "refill", options.get("refill", ()))
    if not set(refill) <= set(members):
        raise refusal(
            f"storage {name!r} is to refill {list(refill)}.",
            f"Name some of its members: {', '.join(members)}.",
            key="storages",
        )
    quorum = str(options.get("quorum", 1))
    if quorum not in {"1", "all"}:
        raise refusal(
            f"the quorum of storage {name!r} is {quorum!r}.",
            'Write 1 (a write counts once one member has it) or "all".',
            key="storages",
        )
    copies = _YES.get(str(options.get("copies", True)).lower())
    if copies is None or (quorum == "all" and not copies):
        raise refusal(
            f"copies of storage {name!r} is {options.get('copies')!r}.",
            'Write true or false; without copies the quorum cannot be "all".',
            key="storages",
        )
    return MirrorSettings(
        storages=members, quorum="all" if quorum == "all" else 1, copies=copies, refill=refill
    )


def mirrors_of(storages: Mapping[str, StorageSettings]) -> Mapping[str, MirrorSettings]:
    """All mirrors, by name. Raises what ``refusal`` makes, if one cannot be."""
    mirrors = {
        name: mirror_settings(name, one) for name, one in storages.items() if one.type == "mirror"
    }
    owner: dict[str, str] = {}
    for name, mirror in mirrors.items():
        for member in mirror.storages:
            if member not in storages or member in mirrors:
                wrong = "is a mirror itself" if member in mirrors else "does not exist"
                raise refusal(
                    f"storage {name!r} is to be made of {member!r}, which {wrong}.",
                    "Name storages of other types.",
                    key="storages",
                )
            if storages[member].cache_size is not None:
                raise refusal(
                    f"storage {member!r} has a cache, and is a member of {name!r}.",
                    f"Give it to {name!r} as a whole: members have none.",
                    key="storages",
                )
            if member in owner:
                raise refusal(
                    f"storage {member!r} is a member of {owner[member]!r} and of {name!r}.",
                    "Make it a member of one.",
                    key="storages",
                )
            owner[member] = name
        _refuse_needless_cache(name, mirror, storages)
    return mirrors


def _refuse_needless_cache(
    name: str, mirror: MirrorSettings, storages: Mapping[str, StorageSettings]
) -> None:
    types = {storages[member].type for member in mirror.storages}
    if storages[name].cache_size is not None and types == {"local"}:
        raise refusal(
            f"storage {name!r} has a cache, and all its members are on this machine.",
            "Remove its cache_size and cache_directory.",
            key="storages",
        )


def _names(name: str, option: str, value: object) -> tuple[str, ...]:
    names = split(value)
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise refusal(
            f"{option} of storage {name!r} is no list of names.",
            f'Write {option} = ["one", "other"].',
            key="storages",
        )
    return tuple(names)
