"""django-storages as Django's default storage, with uploads, links, static files and thumbnails."""

import io
import tempfile
from pathlib import Path
from typing import Any

import django  # type: ignore[import-not-found]  # another venv
from django.conf import settings  # type: ignore[import-not-found]  # another venv
from django.core.files.base import ContentFile  # type: ignore[import-not-found]  # another venv
from django.core.files.storage import (  # type: ignore[import-not-found]  # another venv
    default_storage,
)
from django.core.management import call_command  # type: ignore[import-not-found]  # another venv
from PIL import Image  # type: ignore[import-not-found,unused-ignore]  # another venv

from conformance.suites.python.asked import (
    ACCESS_KEY,
    ENDPOINT,
    MIB,
    REGION,
    SECRET_KEY,
    content,
    fetched,
    main,
)


def configured(bucket: str) -> Any:
    """Django's default storage, with the settings that docs/applications.md tells."""
    options = {
        "endpoint_url": ENDPOINT,
        "bucket_name": bucket,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
        "region_name": REGION,
        "signature_version": "s3v4",
        "addressing_style": "path",
    }
    static = {**options, "location": "static"}
    settings.configure(
        SECRET_KEY="x",
        INSTALLED_APPS=["django.contrib.staticfiles", "easy_thumbnails"],
        STATIC_URL="/static/",
        STATICFILES_DIRS=[tempfile.mkdtemp(dir=Path.cwd())],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        STORAGES={
            "default": {
                "BACKEND": "storages.backends.s3.S3Storage",
                "OPTIONS": {**options, "file_overwrite": False},
            },
            "staticfiles": {
                "BACKEND": "storages.backends.s3.S3ManifestStaticStorage",
                "OPTIONS": static,
            },
        },
    )
    django.setup()
    return default_storage


def files(bucket: str) -> None:
    storage = configured(bucket)
    first = storage.save("a/x y é.txt", ContentFile(b"hello"))
    second = storage.save("a/x y é.txt", ContentFile(b"again"))
    assert first == "a/x y é.txt" != second
    with storage.open(first) as file:
        assert file.read() == b"hello"
    assert storage.size(second) == 5
    assert sorted(storage.listdir("a")[1]) == sorted(Path(name).name for name in (first, second))
    assert fetched(storage.url(first)) == b"hello"
    storage.delete(first)
    assert not storage.exists(first)
    assert storage.exists(second)


def large_files(bucket: str) -> None:
    storage = configured(bucket)
    data = content(11 * MIB)
    storage.save("large", ContentFile(data))
    with storage.open("written", "wb") as file:
        file.write(data)
        file.write(data)
    with storage.open("large") as file:
        file.seek(10 * MIB)
        assert file.read() == data[10 * MIB :]
    assert fetched(storage.url("written")) == data + data


def static_files(bucket: str) -> None:
    storage = configured(bucket)
    folder = Path(settings.STATICFILES_DIRS[0])
    (folder / "page.css").write_text("body { background: url(dot.png) }")
    (folder / "dot.png").write_bytes(b"a picture")
    call_command("collectstatic", interactive=False, verbosity=0)
    names = storage.listdir("static")[1]
    page = next(name for name in names if name.startswith("page.") and name != "page.css")
    dot = next(name for name in names if name.startswith("dot.") and name != "dot.png")
    assert dot.encode() in fetched(storage.url(f"static/{page}"))
    assert fetched(storage.url(f"static/{dot}")) == b"a picture"
    assert "staticfiles.json" in names, names


def thumbnails(bucket: str) -> None:
    storage = configured(bucket)
    picture = io.BytesIO()
    Image.new("RGB", (800, 600), "red").save(picture, "JPEG")
    name = storage.save("p/i.jpg", ContentFile(picture.getvalue()))
    call_command("migrate", verbosity=0)
    from easy_thumbnails.files import get_thumbnailer  # type: ignore[import-not-found]  # noqa: PLC0415

    thumbnailer = get_thumbnailer(storage, name)
    thumbnailer.thumbnail_storage = storage
    made = thumbnailer.get_thumbnail({"size": (100, 100)})
    assert storage.exists(made.name), made.name
    with Image.open(io.BytesIO(fetched(storage.url(made.name)))) as shown:
        assert shown.size == (100, 75)


if __name__ == "__main__":
    main(
        {
            "files": files,
            "large": large_files,
            "static": static_files,
            "thumbnails": thumbnails,
        }
    )
